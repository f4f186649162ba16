"""The canonical change: one version of one searchable record, in Freshline's own words."""

from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from schemas.label import LabelId
from schemas.position import Position

RELABEL = "#label"
"""Follows the record id in the key of a relabel: else compaction would keep it alone, and the content would be lost."""


class Origin(BaseModel):
    """Where in Kafka a change came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: str
    partition: int
    offset: int


class Change(BaseModel):
    """One message of `freshline.changes`, keyed by `record_id`. Times are milliseconds since 1970, UTC.

    A delete carries no content: no text, no label. It stays in the topic so that an older version, seen again,
    is known to be older. A truncate is a delete of all records of its table that are older than its position;
    its `record_id` is the table's (`table_id`), and every partition of the topic gets one. A relabel changes who may
    see a record whose new content cannot be applied: the last good content stays, under the new label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: Literal["upsert", "relabel", "delete", "truncate"]
    record_id: str
    source: str
    table: str
    key: dict[str, Any]
    position: Position
    commit_ms: int
    event_ms: int
    origin: Origin
    label: LabelId | None = None
    title: str = ""
    text: str = ""
    url: str = ""
    metadata: dict[str, Any] = {}
    fresh: bool = False
    """A repair: nothing that the index holds of the record is believed. Its texts are embedded anew, and chunks that
    name the record although its head does not tell of them are removed."""


def table_id(source: str, table: str) -> str:
    """`helpdesk/helpdesk.tickets`: what the ids of a table's records begin with."""
    return f"{source}/{quote(table, safe='')}"


def table_of(record: str) -> str:
    """The table id within a record id."""
    return record.rpartition("/")[0]


def record_id(source: str, table: str, key: dict[str, Any], columns: list[str]) -> str:
    """`helpdesk/helpdesk.tickets/42`: columns in the contract's order; percent-encoded, so plain ASCII."""
    values = ",".join(quote(str(key[column]), safe="") for column in columns)
    return f"{source}/{quote(table, safe='')}/{values}"
