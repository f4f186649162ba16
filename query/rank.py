"""Ranking by relevance and freshness, exactly.

    score     = similarity × freshness           similarity: cosine of question and chunk, cut at 0
    freshness = floor + (1 − floor) × 2^(−age / half_life)

The answer is the true top k over every permitted chunk, not a re-ordering of the nearest few. Rows come in
falling similarity, and freshness is at most 1, so no unseen row can score more than the last similarity seen:
fetching goes on until the k-th best record beats that bound, or nothing is left: the threshold algorithm
(Fagin, Lotem, Naor: Optimal aggregation algorithms for middleware, PODS 2001).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from index.store import Found
from schemas.contract import Contract

FIRST_FETCH = 64
GROWTH = 4
MOST_FETCHED = 16_384
"""Milvus returns no more rows than this in one search."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A record's best chunk. `similarity` is cut at 0."""

    found: Found
    similarity: float
    freshness: float

    @property
    def score(self) -> float:
        return self.similarity * self.freshness


Permits = Callable[[Sequence[Scored]], list[bool]]
"""Whether each of some records may be shown."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Records in falling score; how many chunks were fetched for them.

    `exact`: no unseen chunk could change them. False only where the proof needs more rows than one search
    returns.
    """

    records: list[Scored]
    fetched: int
    exact: bool


def freshness(age_ms: float, half_life_s: float, floor: float) -> float:
    """Between `floor` and 1. What lies in the future is as fresh as what happened just now."""
    halvings = max(0.0, age_ms) / 1000 / half_life_s
    return floor + (1 - floor) * math.exp2(-halvings)


def scorer(contracts: Mapping[str, Contract], half_life_s: float | None, now_ms: int) -> Callable[[Found], Scored]:
    """Scores by each source's own half-life and floor; `half_life_s` overrides every source's."""

    def score(found: Found) -> Scored:
        terms = contracts[found.row.source].freshness
        age_ms = now_ms - found.row.event_ms
        fresh = freshness(age_ms, half_life_s or terms.half_life, terms.floor)
        return Scored(found, max(0.0, found.similarity), fresh)

    return score


def exact_top(
    search: Callable[[int], list[Found]],
    score: Callable[[Found], Scored],
    k: int,
    permits: Permits | None = None,
    most: int = MOST_FETCHED,
) -> Ranked:
    """The k best records. `search(limit)` gives the `limit` most similar chunks, most similar first.

    Each fetch is judged by itself, so rows written between two fetches are not mixed with older ones. Ties go
    to the later event, then to the smaller record id: the order is the same however many rows were fetched.
    Records that `permits` denies leave no gap: the next ones take their places.
    """
    limit = min(most, max(FIRST_FETCH, 4 * k))
    while True:
        found = search(limit)
        best = first_permitted(best_per_record([score(f) for f in found]), k, permits)
        proven = len(found) < limit or (len(best) == k and best[-1].score > max(0.0, found[-1].similarity))
        if proven or limit == most:
            return Ranked(best, len(found), exact=proven)
        limit = min(most, limit * GROWTH)


def first_permitted(ranked: list[Scored], k: int, permits: Permits | None) -> list[Scored]:
    """The first k that are permitted, in their order; no more are judged than that takes."""
    if permits is None:
        return ranked[:k]
    kept: list[Scored] = []
    for start in range(0, len(ranked), k):
        part = ranked[start : start + k]
        kept += [one for one, permitted in zip(part, permits(part), strict=True) if permitted]
        if len(kept) >= k:
            break
    return kept[:k]


def best_per_record(scored: list[Scored]) -> list[Scored]:
    """One chunk per record, its best (the earlier one of equals), in the order of the answer."""
    best: dict[str, Scored] = {}
    for one in sorted(scored, key=_order):
        best.setdefault(one.found.row.record_id, one)
    return list(best.values())


def _order(scored: Scored) -> tuple[float, int, str, int]:
    row = scored.found.row
    return (-scored.score, -row.event_ms, row.record_id, row.chunk)
