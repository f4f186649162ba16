"""What the index and the relations should hold of a row: the row as Debezium would send it, through the very stages
of the stream job. Pure.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from index.store import Held, Row
from schemas.change import Change, Origin, record_id
from schemas.errors import Rejected
from schemas.label import Label
from schemas.position import START, Position
from schemas.relation import Grant
from streams.decode import RawEvent
from streams.draft import Passages, draft
from streams.intake import Table, Taken, take
from streams.verify.rows import DbRow
from streams.verify.unsure import Unsure
from streams.verify.values import Kind, to_json

def lsn_of(position: Position) -> int:
    """The LSN in a position of PostgreSQL."""
    return int(position[:16], 16)


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

    def of(self, row: DbRow, position: Position = START, commit_ms: int = UNKNOWN_MS) -> Expected:
        """What is expected of a row. `position` and `commit_ms` date it, for a repair."""
        try:
            key = {column: self._json(column, row) for column in self.table.contract.key}
        except Unsure as unsure:
            return Expected("", unsure=str(unsure))
        name = record_id(self.table.source, self.table.name, key, list(self.table.contract.key))
        try:
            values = {column: self._json(column, row) for column in row.values if column in self._kinds}
        except Unsure as unsure:
            return Expected(name, unsure=str(unsure))
        return self._judged(name, take(self._event(key, values, position, commit_ms), {self._topic: self.table}, self._limit))

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

    def _json(self, column: str, row: DbRow) -> Any:
        if column not in self._kinds:
            raise Unsure(f"the connector does not send column {column!r}, whose type it does not know")
        return to_json(self._kinds[column], row.values[column])

    def _event(self, key: Mapping[str, Any], values: Mapping[str, Any], position: Position, commit_ms: int) -> RawEvent:
        """The message that the connector would write for the row if it were updated now."""
        schema, _, name = self.table.name.partition(".")
        source = {"connector": "postgresql", "schema": schema, "table": name, "ts_ms": commit_ms}
        source["lsn"] = lsn_of(position)
        value = {"op": "u", "before": None, "after": values, "source": source}
        nowhere = Origin(topic=self._topic, partition=-1, offset=-1)
        return RawEvent(nowhere, orjson.dumps(key), orjson.dumps(value))

    def key_of(self, values: Mapping[str, Any]) -> tuple[str, ...] | None:
        """A key as the index holds it, as text that PostgreSQL reads; None where it is no key of this table."""
        if values.keys() != set(self.table.contract.key):
            return None
        found = [self._key_text(column, values[column]) for column in self.table.contract.key]
        return None if None in found else tuple(text for text in found if text is not None)

    def key_in(self, name: str) -> tuple[str, ...] | None:
        """The key within a record id of this table; None where there is none."""
        parts = [unquote(part) for part in name.rpartition("/")[2].split(",")]
        columns = self.table.contract.key
        return self.key_of(dict(zip(columns, parts, strict=True))) if len(parts) == len(columns) else None

    def _key_text(self, column: str, value: Any) -> str | None:
        kind = self._kinds.get(column)
        if kind is None or kind.array or isinstance(value, dict | list | None) or "\0" in str(value):
            return None
        if kind.name == "bytea":
            try:
                return "\\x" + b64decode(str(value), validate=True).hex()
            except ValueError:
                return None
        return str(value).removesuffix("Z") if kind.name in ("date", "time", "timestamp") else str(value)
