"""Intake: decode ▸ describe ▸ permit, for one raw event. Pure; the flow runs it and sends what it gives."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.rows.describe import Description, describe
from connectors.rows.permit import granted_by, label_of
from connectors.rows.quality import check_quality
from index.milvus_schema import field_oversized
from schemas.change import Change, record_id, table_id
from schemas.contract import Aggregate, Contract, TableContract
from schemas.errors import Rejected
from schemas.label import Label
from schemas.position import Position
from schemas.relation import Grant
from streams.decode import RawEvent, RowEvent, decode
from streams.outbox import decode_event, of_payload
from streams.past import NO_PAST, Past

LONGEST_ID = 1000
"""Characters of a record id."""


@dataclass(frozen=True, slots=True)
class Table:
    """Which source and table a raw topic carries, and what its contract says."""

    source: str
    name: str
    contract: TableContract


@dataclass(frozen=True, slots=True)
class Taken:
    """What one raw event became.

    A rejected event may still take its record away (who may see it is unknown: nobody), or change what it grants.
    `streamed` is the event's position, if it was streamed and not read by a snapshot.
    """

    change: Change | None = None
    label: Label | None = None
    grant: Grant | None = None
    rejected: Rejected | None = None
    streamed: Position | None = None


def tables_by_topic(contracts: Sequence[Contract]) -> dict[str, Table]:
    """Raw topic -> table, for all contracts."""
    return {
        topic: Table(contract.source, name, contract.record_tables()[name])
        for contract in contracts
        for topic, name in contract.raw_topics().items()
    }


def take(raw: RawEvent, tables: Mapping[str, Table], max_text_bytes: int, past: Past = NO_PAST) -> Taken:
    """Turn a raw event into a change, a label and a grant, or say why not. Never raises for bad input.

    `past` is what is known of the messages before this one: without it a snapshot row has no position, and an
    unchanged TOAST column no value.
    """
    known = tables.get(raw.origin.topic)
    routed = known.contract if known is not None and isinstance(known.contract, Aggregate) else None
    try:
        event = decode_event(raw, known.name, routed) if known and routed else decode(raw, past.position)
    except Rejected as rejected:
        return Taken(rejected=rejected)
    if event is None:
        return Taken()
    taken = _take_event(raw, event, tables, max_text_bytes, past)
    if routed is not None and taken.rejected is not None:
        taken = replace(taken, rejected=of_payload(taken.rejected))
    return taken if event.op == "read" else replace(taken, streamed=event.position)


def _take_event(raw: RawEvent, event: RowEvent, tables: Mapping[str, Table], max_text_bytes: int, past: Past) -> Taken:
    try:
        table = _table(raw, event, tables)
        if event.op == "truncate":
            return _emptied(raw, event, table)
        name = _name(event, table)
    except Rejected as rejected:
        return Taken(rejected=rejected)
    gone = _gone(raw, event, table, name)
    if event.op == "delete":
        return gone
    row = past.completed({c: value for c, value in event.row.items() if c not in table.contract.mask})
    try:
        grant = _grant(event, table, name, row)
    except Rejected as rejected:
        return Taken(gone.change, None, gone.grant and gone.grant.model_copy(update={"unreadable": True}), rejected)
    try:
        label = label_of(row, table.contract.permissions) if table.contract.permissions else None
    except Rejected as rejected:
        return Taken(gone.change, None, grant, rejected)  # who may see it is unknown, so nobody does
    if label is None:
        return Taken(grant=grant)
    try:
        content = describe(row, table.contract, event.commit_ms, max_text_bytes)
        _require_room(content)
        check_quality(row, table.contract, content)
    except Rejected as rejected:
        if event.created:  # there is no last good content: what the index may still hold is of a row that is gone
            return Taken(gone.change, None, grant, rejected)
        return Taken(_relabel(_common(raw, event, table, name), label), label, grant, rejected)
    return Taken(_upsert(_common(raw, event, table, name), label, content), label, grant)


def _emptied(raw: RawEvent, event: RowEvent, table: Table) -> Taken:
    """A TRUNCATE: the table's records and grants are gone, whatever their number."""
    name = table_id(table.source, table.name)
    change = Change(**_common(raw, event, table, name), op="truncate", event_ms=event.commit_ms)
    grant = Grant(record_id=name, position=event.position, commit_ms=event.commit_ms, truncated=True)
    return Taken(
        change=change if table.contract.permissions else None, grant=grant if table.contract.relation else None
    )


def _table(raw: RawEvent, event: RowEvent, tables: Mapping[str, Table]) -> Table:
    table = tables.get(raw.origin.topic)
    if table is None or table.name != event.table:
        raise Rejected("unknown_table", f"no contract has table {event.table!r} on topic {raw.origin.topic!r}")
    return table


def _name(event: RowEvent, table: Table) -> str:
    columns = table.contract.key
    if set(event.key) != set(columns):
        wrong = f"the message is keyed by {sorted(event.key)}, the contract says {sorted(columns)}"
        raise Rejected("key_mismatch", wrong)
    name = record_id(table.source, table.name, event.key, list(columns))
    if len(name) > LONGEST_ID:
        raise Rejected("key_mismatch", f"the key makes a record id of {len(name)} characters, {LONGEST_ID} at most")
    return name


def _require_room(content: Description) -> None:
    """Raise Rejected(text_too_large) for what the index would not take.

    Were that only seen when the index is written, such content would be the only one of its record that
    freshline.changes keeps, and a rebuild would not find the last good one.
    """
    metadata = json.dumps(content.metadata, ensure_ascii=False)
    for name, value in (("title", content.title), ("url", content.url), ("metadata", metadata)):
        if problem := field_oversized(name, value):
            raise Rejected("text_too_large", problem)


def _upsert(common: dict[str, Any], label: Label, content: Description) -> Change:
    return Change(
        **common,
        op="upsert",
        event_ms=content.event_ms,
        label=label.id,
        title=content.title,
        text=content.text,
        url=content.url,
        metadata=content.metadata,
    )


def _relabel(common: dict[str, Any], label: Label) -> Change:
    """The content cannot be used, but who may see the record is known: its last good content gets the new label."""
    return Change(**common, op="relabel", event_ms=common["commit_ms"], label=label.id)


def _gone(raw: RawEvent, event: RowEvent, table: Table, name: str) -> Taken:
    searchable = table.contract.permissions is not None
    common = _common(raw, event, table, name)
    change = Change(**common, op="delete", event_ms=event.commit_ms) if searchable else None
    return Taken(change=change, grant=_grant(event, table, name, None))


def _grant(event: RowEvent, table: Table, name: str, row: dict[str, Any] | None) -> Grant | None:
    if not table.contract.relation:
        return None
    tuples = granted_by(row, table.contract) if row is not None else ()
    return Grant(record_id=name, position=event.position, commit_ms=event.commit_ms, tuples=tuples)


def _common(raw: RawEvent, event: RowEvent, table: Table, name: str) -> dict[str, Any]:
    return {
        "record_id": name,
        "source": table.source,
        "table": table.name,
        "key": event.key,
        "position": event.position,
        "commit_ms": event.commit_ms,
        "origin": raw.origin,
    }
