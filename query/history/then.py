"""The index as it was at a past time, with the permissions of now: what is current now and was so then, and what was
superseded since.

The index is read first, the history then: a version goes to the history before the next one comes to the index, so it
is in at least one of the two answers. Who may see a version that was superseded is what the index says of its record
now: one whose record is gone, or is not permitted now, is left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from index.history import HistoryReader
from index.store import EVERYTHING, ChunkReader, Found, Held, Row, Vector, Within
from index.words import Weights
from query.ranking.top import MOST_FETCHED
from schemas.access import AccessFilter
from schemas.errors import AsOfUnavailable

Fetch = Callable[[int], list[Found]]
"""So many of the best."""


class IndexThen:
    """A `ChunkReader` for one past time (ms since 1970, UTC). `held`, `head` and `count` are those of now."""

    def __init__(self, store: ChunkReader, history: HistoryReader, as_of_ms: int) -> None:
        self._store, self._history, self._as_of_ms = store, history, as_of_ms

    def search(self, vector: Vector, access: AccessFilter, limit: int, within: Within = EVERYTHING) -> list[Found]:
        then = self._then(within)
        return self._best(
            lambda most: self._store.search(vector, access, most, then),
            lambda most: self._history.search(vector, access, most, then),
            access,
            limit,
        )

    def weigh_words(self, text: str, access: AccessFilter) -> Weights:
        """Words count as often as they are there now; those that are in none but past versions, as then."""
        past = self._history.weigh_words(text, access, self._then(EVERYTHING))
        return {**past, **self._store.weigh_words(text, access)}

    def search_words(
        self, words: Weights, access: AccessFilter, limit: int, within: Within = EVERYTHING
    ) -> list[Found]:
        then = self._then(within)
        return self._best(
            lambda most: self._store.search_words(words, access, most, then),
            lambda most: self._history.search_words(words, access, most, then),
            access,
            limit,
        )

    def held(self, record_ids: Sequence[str]) -> dict[str, Held]:
        return self._store.held(record_ids)

    def head(self, record_id: str) -> Row | None:
        return self._store.head(record_id)

    def count(self, source: str) -> int:
        return self._store.count(source)

    def _then(self, within: Within) -> Within:
        by = self._as_of_ms if within.committed_by is None else min(self._as_of_ms, within.committed_by)
        return replace(within, committed_by=by)

    def _best(self, current: Fetch, superseded: Fetch, access: AccessFilter, limit: int) -> list[Found]:
        """The best of both. What is left out makes room: more is fetched until no unseen row can be among them."""
        most = limit
        while True:
            now, past = current(most), superseded(most)
            found = self._as_they_were(now, past, access)
            unseen = [part[-1].similarity for part in (now, past) if len(part) == most]
            proven = [one for one in found if not unseen or one.similarity >= max(unseen)]
            if not unseen or len(proven) >= limit:
                return proven[:limit]
            if most == MOST_FETCHED:
                raise AsOfUnavailable("too many versions would have to be compared; ask fewer sources, or a later time")
            most = min(MOST_FETCHED, 2 * most)

    def _as_they_were(self, now: list[Found], past: list[Found], access: AccessFilter) -> list[Found]:
        """Each record's version of then, under its label of now, best first."""
        labels = self._history.labels_now(sorted({one.row.record_id for one in past}))
        found = {one.row.chunk_id: one for one in now}
        newest = {one.row.record_id: one.row.commit_ms for one in now}
        for one in past:
            row, label = one.row, labels.get(one.row.record_id)
            if label is None or label not in access.labels:
                continue
            newest[row.record_id] = max(row.commit_ms, newest.get(row.record_id, row.commit_ms))
            known = found.get(row.chunk_id)
            if known is None or known.row.commit_ms < row.commit_ms:
                found[row.chunk_id] = replace(one, row=replace(row, label=label))
        kept = [one for one in found.values() if one.row.commit_ms == newest[one.row.record_id]]
        return sorted(kept, key=lambda one: (-one.similarity, one.row.chunk_id))
