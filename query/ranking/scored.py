"""What ranking makes of a row that was found, and the order of the answer."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from index.store import Found

Key = tuple[float, int, str, int]
"""Score, event time (milliseconds since 1970, UTC), record id, chunk: where a record stands in the order."""


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page begins: after which record, as things stood when the first one was made (ms since 1970, UTC)."""

    now_ms: int
    after: Key


@dataclass(frozen=True, slots=True)
class Scored:
    """A record's best chunk, with the parts of its relevance that were compared; `similarity` is cut at 0.

    `other_chunks`: further chunks of the record that were found, best first.
    """

    found: Found
    relevance: float
    freshness: float
    similarity: float | None = None
    keyword: float | None = None
    other_chunks: tuple[int, ...] = ()

    @property
    def score(self) -> float:
        return self.relevance * self.freshness

    @property
    def key(self) -> Key:
        row = self.found.row
        return self.score, row.event_ms, row.record_id, row.chunk


Permits = Callable[[Sequence[Scored]], list[bool]]
"""Whether each of some records may be shown."""


def order(key: Key) -> Key:
    """Sorts keys as the answer is: higher score, later event, smaller record id, earlier chunk."""
    score, event_ms, record_id, chunk = key
    return -score, -event_ms, record_id, chunk


def best_per_record(scored: Iterable[Scored]) -> list[Scored]:
    """One chunk per record, its best (the earlier one of equals), in the order of the answer."""
    best: dict[str, list[Scored]] = {}
    for one in sorted(scored, key=lambda one: order(one.key)):
        best.setdefault(one.found.row.record_id, []).append(one)
    return [
        replace(first, other_chunks=tuple(one.found.row.chunk for one in others)) if others else first
        for first, *others in best.values()
    ]
