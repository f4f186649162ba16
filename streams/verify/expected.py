"""What the index and the relations should hold of a row: the row as Debezium would send it, through the very stages
of the stream job. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.rows.table import as_sent, key_within
from connectors.rows.unsure import Unsure
from connectors.rows.values import Kind
from index.store import Held, Row
from schemas.change import Change, Origin, record_id
from schemas.errors import Rejected
from schemas.label import Label
from schemas.relation import Grant
from streams.decode import RawEvent
from streams.draft import Passages, draft
from streams.intake import Table, Taken, take
from streams.verify.rows import DbRow

UNKNOWN_MS = -1
"""Stands for a commit time that the database does not tell; what is made of it is not compared."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a row should have become.

    `change` is None where the table is not searchable. `rows` is what the index should show, without vectors; none:
    the record should not be there. `rows` is None where the content was rejected: an older version stands, with
    `change.label`. `unsure` says why the row cannot be judged.
    """

    record_id: str
    change: Change | None = None
    rows: tuple[Row, ...] | None = None
    texts: tuple[str, ...] = ()
    label: Label | None = None
    grant: Grant | None = None
    rejected: Rejected | None = None
    unsure: str = ""


class Expecting:
    """Makes the expectations of one table."""

    def __init__(self, topic: str, table: Table, kinds: Mapping[str, Kind], passages: Passages, limit: int) -> None:
        """`topic` is the table's raw topic; `limit` that of a text, in bytes."""
        self.table = table
        self._topic = topic
        self._kinds = {column: kind for column, kind in kinds.items() if kind.captured}
        self._passages = passages
        self._limit = limit

    def of(self, row: DbRow, commit_ms: int = UNKNOWN_MS) -> Expected:
        """What is expected of a row. Its position is none of the source; `commit_ms` dates it."""
        name = self.name_of(row)
        try:
            key, values = self._key(row), {c: self._json(c, row) for c in row.values if c in self._kinds}
        except Unsure as unsure:
            return Expected(name, unsure=str(unsure))
        event = self._event(key, values, commit_ms)
        return self._judged(name, take(event, {self._topic: self.table}, self._limit))

    def name_of(self, row: DbRow) -> str:
        """The record id of a row; of one whose key cannot be told for sure, one that no record has."""
        try:
            return record_id(self.table.source, self.table.name, self._key(row), list(self.table.contract.key))
        except Unsure:
            return f"{self.table.source}/{self.table.name}/?{row.key}"

    def _judged(self, name: str, taken: Taken) -> Expected:
        change, rejected = taken.change, taken.rejected
        if change is None:
            return Expected(name, grant=taken.grant, rejected=rejected)
        if change.op == "relabel":
            return Expected(name, change, None, (), taken.label, taken.grant, rejected)
        try:
            drafted = draft(change, Held(), self._passages)
        except Rejected as error:
            change = change.model_copy(update={"op": "relabel"})
            return Expected(name, change, None, (), taken.label, taken.grant, error)
        return Expected(name, change, drafted.rows, drafted.texts, taken.label, taken.grant, rejected)

    def _key(self, row: DbRow) -> dict[str, Any]:
        return {column: self._json(column, row) for column in self.table.contract.key}

    def _json(self, column: str, row: DbRow) -> Any:
        return as_sent(self._kinds, column, row.values)

    def _event(self, key: Mapping[str, Any], values: Mapping[str, Any], commit_ms: int) -> RawEvent:
        """The message that the connector would write for the row if it were updated now."""
        schema, _, name = self.table.name.partition(".")
        source = {"connector": "postgresql", "schema": schema, "table": name, "lsn": 0, "ts_ms": commit_ms}
        value = {"op": "u", "before": None, "after": values, "source": source}
        nowhere = Origin(topic=self._topic, partition=-1, offset=-1)
        return RawEvent(nowhere, orjson.dumps(key), orjson.dumps(value))

    def key_in(self, name: str) -> tuple[str, ...] | None:
        """The key within a record id of this table, as text that PostgreSQL reads; None where there is none."""
        return key_within(name, self.table.contract.key, self._kinds)
