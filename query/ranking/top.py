"""The threshold algorithm: the k best of all permitted records, with a proof or without.

A fetch gives the most relevant chunks; no unseen one is more relevant than its last. So with the k-th score S and that
relevance s, an unseen chunk needs a freshness of S / s at least to win: it is no older than a cutoff. The next fetch is
among those alone, and larger; and so on until nothing unseen can win.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from query.ranking.decay import Decay
from query.ranking.pick import EVERY, Rule
from query.ranking.relevance import Batch, Fetch
from query.ranking.scored import Permits, Scored, best_per_record

FIRST_FETCH = 128
"""Chunks. So many mostly prove the answer: a second search costs more than rows that turn out not to be needed."""
GROWTH = 2
"""What the second search is among is mostly so much less that as many rows as before would prove it."""
MOST_FETCHED = 16_384
"""Milvus returns no more rows than this in one search."""
MOST_STEPS = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """The permitted records in falling score, down to the last that is picked; how many chunks were fetched for them.

    `exact`: no unseen chunk could change them. `ended`: there are no more records than these.
    """

    records: list[Scored]
    fetched: int
    exact: bool
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """The k best that `permits` allows and `rule` picks. When `in_time` says no, no more is fetched."""

    k: int
    permits: Permits | None = None
    rule: Rule = EVERY
    in_time: Callable[[], bool] = lambda: True


def exact_top(fetch: Fetch, decay: Decay, sources: Iterable[str], wanted: Wanted, most: int = MOST_FETCHED) -> Ranked:
    """The k best records.

    Ties go to the later event, then to the smaller record id, then to the earlier chunk: the order is the same however
    many rows were fetched. Records that are denied or not picked leave no gap. What a later fetch shows of a record
    replaces what an earlier one did, and what it should have shown but did not is forgotten; if what was ruled out by a
    score could win after that, it starts anew.
    """
    asked, seen, fetched = frozenset(sources), _Seen(), 0
    limit, events_from, ruled_out = min(most, max(FIRST_FETCH, 4 * wanted.k)), dict[str, int](), 0.0
    records: list[Scored] = []
    for _ in range(MOST_STEPS):
        batch = fetch(limit, events_from)
        fetched += len(batch.scored)
        seen.take(batch, events_from)
        records, kth = first_picked(seen.ranked(), wanted)
        least = kth.score if kth else 0.0
        if least < ruled_out:
            events_from, ruled_out, seen = {}, 0.0, _Seen()
            continue
        if batch.complete or least > batch.bound:
            return Ranked(records, fetched, exact=True, ended=kth is None)
        cutoffs = decay.events_from(asked, least / batch.bound)
        narrowed = {s: max(at, events_from.get(s, at)) for s, at in (events_from | cutoffs).items()}
        if (limit == most and narrowed == events_from) or not wanted.in_time():
            break
        limit, events_from, ruled_out = min(most, limit * GROWTH), narrowed, least
    return Ranked(records, fetched, exact=False)


def first_picked(ranked: Sequence[Scored], wanted: Wanted) -> tuple[list[Scored], Scored | None]:
    """The permitted records down to the k-th that is picked, and that one; None if there are fewer.

    No more are judged than that takes.
    """
    kept, picking, left = list[Scored](), wanted.rule.begin(), wanted.k
    for start in range(0, len(ranked), wanted.k):
        part = ranked[start : start + wanted.k]
        permitted = wanted.permits(part) if wanted.permits else [True] * len(part)
        for one in (one for one, may in zip(part, permitted, strict=True) if may):
            kept.append(one)
            left -= picking.picks(one.found.row, one.key)
            if not left:
                return kept, one
    return kept, None


@dataclass(slots=True)
class _Seen:
    """The chunks of all fetches so far, each as the last one showed it."""

    _chunks: dict[str, Scored] = field(default_factory=dict)

    def take(self, batch: Batch, events_from: Mapping[str, int]) -> None:
        def outdated(one: Scored) -> bool:
            row = one.found.row
            within = row.event_ms >= events_from.get(row.source, row.event_ms)
            return within and (batch.complete or one.relevance > batch.bound)

        kept = {name: one for name, one in self._chunks.items() if not outdated(one)}
        self._chunks = kept | {one.found.row.chunk_id: one for one in batch.scored}

    def ranked(self) -> list[Scored]:
        newest = dict[str, str]()
        for one in self._chunks.values():
            row = one.found.row
            newest[row.record_id] = max(row.position, newest.get(row.record_id, row.position))
        return best_per_record(
            one for one in self._chunks.values() if one.found.row.position == newest[one.found.row.record_id]
        )
