"""From the stamps that changes carry to hops: how long each took, and what that makes in all. Pure.

All stamps are of one machine's clock, in milliseconds since 1970:

    commit ─▸ Debezium ─▸ raw topic ─▸ freshline.changes ─▸ taken up ─▸ embedded ─▸ acknowledged ─▸ told ─▸ found
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from typing import Any

from bench.common.rounds import percentile


@dataclass(frozen=True, slots=True)
class Stamps:
    """When one change was where.

    commit: PostgreSQL wrote its commit record (`source.ts_us`); debezium: the connector had decoded it (`ts_us`);
    raw, changes: it was sent to that topic (the message's timestamp); begun, embedded: indexing took its batch up, had
    its vectors (`freshline.updates`); acknowledged: Milvus had it, so that its update was sent (that message's
    timestamp); found: a search of the index had answered with it.
    """

    commit: float
    debezium: float
    raw: float
    changes: float
    begun: float
    embedded: float
    acknowledged: float
    told: float
    found: float

    @property
    def total(self) -> float:
        return self.found - self.commit


HOPS = {
    "debezium": "commit → Debezium",
    "raw": "Debezium → raw topic",
    "changes": "raw topic → changes",
    "begun": "changes → taken up",
    "embedded": "taken up → embedded",
    "acknowledged": "embedded → acknowledged",
    "told": "acknowledged → told",
    "found": "told → found",
}
"""By the stamp at their end; `raw topic → changes` is Kafka's delivery and all of intake."""


def hops(stamps: Stamps) -> dict[str, float]:
    """Milliseconds of each hop; clocks read by different processes may differ by a fraction, so none is below 0."""
    names = [field.name for field in fields(stamps)]
    return {
        name: max(0.0, after - before)
        for name, (before, after) in zip(names[1:], pairwise(astuple(stamps)), strict=True)
    }


def summary(found: Sequence[Stamps]) -> dict[str, Any]:
    """p50 and p99 in all and of each hop, the mean of each hop (means add up), in milliseconds."""
    by_hop: dict[str, list[float]] = {name: [] for name in HOPS}
    for one in found:
        for name, taken in hops(one).items():
            by_hop[name].append(taken)
    return {
        "changes": len(found),
        "total": figures([one.total for one in found]),
        "hops": {name: figures(values) for name, values in by_hop.items()},
    }


def figures(values: Sequence[float]) -> dict[str, float]:
    return {
        "p50": round(percentile(values, 50), 1),
        "p90": round(percentile(values, 90), 1),
        "p99": round(percentile(values, 99), 1),
        "max": round(max(values), 1),
        "mean": round(sum(values) / len(values), 1),
    }


def largest(hops_: Mapping[str, Mapping[str, float]]) -> str:
    """The hop that takes most of the time, by its mean."""
    return max(hops_, key=lambda name: hops_[name]["mean"])
