"""The index in memory: a double of the Milvus store for unit tests. It passes the same contract suite."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from index.chunk import embedding_text
from index.store import EVERYTHING, Found, Held, Mark, Row, Vector, Version, Within
from index.words import Weights, occurrences, question_words, score, weighed
from schemas.access import AccessFilter
from schemas.change import table_id, table_of
from schemas.position import NOWHERE, Position

PAGE = 100
_NO_VECTOR: Vector = np.empty(0, dtype=np.float32)


class MemoryStore:
    """Records in a dict; search compares with every row."""

    def __init__(self) -> None:
        self.records: dict[str, tuple[Row, ...]] = {}
        self.tombstones: dict[str, Position] = {}
        self.loose: list[Row] = []
        """Chunks that no head tells of; only a fault leaves some, so only a test puts them here."""

    def held(self, record_ids: Sequence[str]) -> dict[str, Held]:
        return {record_id: self._held(record_id) for record_id in record_ids}

    def _held(self, record_id: str) -> Held:
        rows = self.records.get(record_id, ())
        deleted = max(self.tombstones.get(name, NOWHERE) for name in (record_id, table_of(record_id)))
        return Held(max(rows[0].position, deleted) if rows else deleted, rows)

    def head(self, record_id: str) -> Row | None:
        return next(iter(self.records.get(record_id, ())), None)

    def write(self, versions: Sequence[Version]) -> None:
        for version in versions:
            if version.rows:
                self.records[version.record_id] = version.rows
            else:
                self.tombstones[version.record_id] = version.position
                self.records.pop(version.record_id, None)

    def truncate(self, source: str, table: str, position: Position) -> None:
        name = table_id(source, table)
        self.tombstones[name] = max(position, self.tombstones.get(name, NOWHERE))
        for record_id, rows in list(self.records.items()):
            if table_of(record_id) == name and rows[0].position < position:
                self.records.pop(record_id, None)

    def search(self, vector: Vector, access: AccessFilter, limit: int, within: Within = EVERYTHING) -> list[Found]:
        rows = self._permitted(access, within)
        return _best([Found(replace(row, vector=_NO_VECTOR), float(row.vector @ vector)) for row in rows], limit)

    def weigh_words(self, text: str, access: AccessFilter) -> Weights:
        kept = [_words(row) for row in self._permitted(access, EVERYTHING)]
        return weighed({word: sum(word in each for each in kept) for word in question_words(text)})

    def search_words(
        self, words: Weights, access: AccessFilter, limit: int, within: Within = EVERYTHING
    ) -> list[Found]:
        rows = self._permitted(access, within)
        found = [Found(replace(row, vector=_NO_VECTOR), score(words, _words(row))) for row in rows]
        return _best([one for one in found if one.similarity > 0], limit)

    def _permitted(self, access: AccessFilter, within: Within) -> list[Row]:
        return [
            row
            for rows in list(self.records.values())  # other threads write meanwhile
            for row in rows
            if row.label in access.labels and row.source in access.sources and _is_within(row, within)
        ]

    def count(self, source: str) -> int:
        return sum(rows[0].source == source for rows in list(self.records.values()))

    def sweep(self, record_ids: Sequence[str]) -> None:
        self.loose = [row for row in self.loose if row.record_id not in record_ids]

    def marks(self, source: str, table: str | None = None) -> Iterator[Sequence[Mark]]:
        rows = [row for rows in list(self.records.values()) for row in rows] + self.loose
        marks = [_mark(row) for row in rows if row.source == source and table in (None, row.table)]
        marks.sort(key=lambda mark: mark.chunk_id)
        for start in range(0, len(marks), PAGE):
            yield marks[start : start + PAGE]

    def strays(self, record_ids: Sequence[str]) -> dict[str, list[Mark]]:
        found: dict[str, list[Mark]] = {}
        for row in self.loose:
            if row.record_id in record_ids:
                found.setdefault(row.record_id, []).append(_mark(row))
        return found


def _is_within(row: Row, within: Within) -> bool:
    return (
        row.event_ms >= within.events_from.get(row.source, row.event_ms)
        and (within.among is None or row.chunk_id in within.among)
        and (within.committed_by is None or row.commit_ms <= within.committed_by)
    )


def _words(row: Row) -> Weights:
    return occurrences(embedding_text(row.title, row.text))


def _best(found: list[Found], limit: int) -> list[Found]:
    return sorted(found, key=lambda one: -one.similarity)[:limit]


def _mark(row: Row) -> Mark:
    return Mark(row.chunk_id, row.record_id, row.table, row.key, row.position, row.chunk, row.chunks)
