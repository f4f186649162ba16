"""The index in memory: a double of the Milvus store for unit tests. It passes the same contract suite."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from index.store import Found, Held, Row, Vector, Version
from schemas.access import AccessFilter
from schemas.change import table_id, table_of
from schemas.position import NOWHERE, Position

_NO_VECTOR: Vector = np.empty(0, dtype=np.float32)


class MemoryStore:
    """Records in a dict; search compares with every row."""

    def __init__(self) -> None:
        self.records: dict[str, tuple[Row, ...]] = {}
        self.tombstones: dict[str, Position] = {}

    def held(self, record_ids: Sequence[str]) -> dict[str, Held]:
        return {record_id: self._held(record_id) for record_id in record_ids}

    def _held(self, record_id: str) -> Held:
        rows = self.records.get(record_id, ())
        deleted = max(self.tombstones.get(name, NOWHERE) for name in (record_id, table_of(record_id)))
        return Held(max(rows[0].position, deleted) if rows else deleted, rows)

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

    def search(self, vector: Vector, access: AccessFilter, limit: int) -> list[Found]:
        permitted = (
            row
            for rows in list(self.records.values())  # other threads write meanwhile
            for row in rows
            if row.label in access.labels and row.source in access.sources
        )
        found = [Found(replace(row, vector=_NO_VECTOR), float(row.vector @ vector)) for row in permitted]
        return sorted(found, key=lambda f: -f.similarity)[:limit]

    def count(self, source: str) -> int:
        return sum(rows[0].source == source for rows in list(self.records.values()))
