"""A source database's log: rows written one transaction after another, told as Debezium's PostgreSQL connector does.

What it writes has the shape of recorded events (tests/data/debezium): JSON without schemas, default replica identity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.template import PLACEHOLDER
from schemas.topics import raw_topic

SOURCE, SCHEMA, TABLE = "bench", "public", "articles"
TOPIC = raw_topic(SOURCE, f"{SCHEMA}.{TABLE}")
UNCHANGED = PLACEHOLDER
"""What stands for a large column that an update did not touch (TOAST)."""
BEGAN_MS = 1_795_400_000_000
EMPTY: dict[str, Any] = {
    "id": 0,
    "tenant_id": "",
    "owner_email": "",
    "team_id": 0,
    "subject": "",
    "body": "",
    "status": "",
    "priority": "",
    "updated_at": "1970-01-01T00:00:00.000000Z",
}
"""What Debezium writes for columns of a deleted row that the log does not tell."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One Kafka message. No value: the tombstone after a delete. No key: something about the whole table."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class SourceLog:
    """Positions rise with each change, from `lsn` on; a millisecond passes between two.

    `full`: with REPLICA IDENTITY FULL, so that `before` is the whole row, where a row is given.
    """

    def __init__(self, full: bool = False, lsn: int = 26_500_000) -> None:
        self.full = full
        self._lsn = lsn
        self._transaction = 700
        self._committed = self._lsn - 160
        self._at_ms = BEGAN_MS

    def insert(self, row: Row) -> list[Event]:
        self._next()
        return [self._event("c", None, row, key=row["id"])]

    def update(self, row: Row, before: Row | None = None) -> list[Event]:
        """`before` is told only where the replica identity is full."""
        self._next()
        return [self._event("u", before if self.full else None, row, key=row["id"])]

    def delete(self, row: Row) -> list[Event]:
        """The delete and its tombstone."""
        self._next()
        return self._delete(row, ())

    def change_key(self, row: Row, key: int) -> list[Event]:
        """One transaction: delete, tombstone, create."""
        self._next()
        gone = self._delete(row, (("__debezium.newkey", orjson.dumps({"id": key})),))
        came = self._event("c", None, {**row, "id": key}, key, order=2)
        return [*gone, Event(came.key, came.value, (("__debezium.oldkey", orjson.dumps({"id": row["id"]})),))]

    def truncate(self) -> list[Event]:
        self._next()
        return [self._event("t", None, None, key=None)]

    def _delete(self, row: Row, headers: tuple[tuple[str, bytes], ...]) -> list[Event]:
        event = self._event("d", row if self.full else {**EMPTY, "id": row["id"]}, None, key=row["id"])
        return [Event(event.key, event.value, headers), Event(event.key, None, headers)]

    def _next(self) -> None:
        self._committed = self._lsn + 48
        self._lsn += 160
        self._transaction += 1
        self._at_ms += 1

    def _event(
        self,
        op: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        key: int | None,
        order: int = 1,
    ) -> Event:
        value = {
            "before": before,
            "after": after,
            "source": self._source(),
            "transaction": {
                "id": f"{self._transaction}:{self._lsn}",
                "total_order": order,
                "data_collection_order": order,
            },
            "op": op,
            **_times(self._at_ms + 5),
        }
        return Event(None if key is None else orjson.dumps({"id": key}), orjson.dumps(value))

    def _source(self) -> dict[str, Any]:
        return {
            "version": "3.6.3.Final",
            "connector": "postgresql",
            "name": SOURCE,
            "snapshot": "false",
            "db": "company",
            "sequence": f'["{self._committed}","{self._lsn}"]',
            **_times(self._at_ms),
            "schema": SCHEMA,
            "table": TABLE,
            "txId": self._transaction,
            "lsn": self._lsn,
            "xmin": None,
            "origin": None,
            "origin_lsn": None,
        }


def _times(ms: int) -> dict[str, int]:
    return {"ts_ms": ms, "ts_us": ms * 1_000, "ts_ns": ms * 1_000_000}
