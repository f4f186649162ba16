"""Stage 1, decode: the bytes of one Debezium message become one row event. Pure."""

from dataclasses import dataclass, field
from typing import Any, Literal, cast

import orjson

from schemas.change import Origin
from schemas.dead_letter import FIRST_OFFSET
from schemas.errors import Rejected
from schemas.position import Position, of_read, of_source
from schemas.progress import Beat
from schemas.topics import beat_prefix

Op = Literal["upsert", "read", "delete", "truncate"]

_BOUNDARY = {"status", "id", "event_count", "data_collections", "ts_ms"}
_HEARTBEAT = {"ts_ms"}
_SCHEMA_CHANGE = {"source", "databaseName", "tableChanges"}
"""Fields by which messages without `op` are known; a row without its envelope must not pass for one of them."""


@dataclass(frozen=True, slots=True)
class RawEvent:
    """One Kafka message as it came."""

    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def redriven(self) -> bool:
        """Whether it was written again, so that its place is not the one it has among what was streamed."""
        return any(name == FIRST_OFFSET for name, _ in self.headers)

    @property
    def first(self) -> Origin:
        """Where it first stood: its origin, or what a redrive noted."""
        noted = next((value for name, value in self.headers if name == FIRST_OFFSET), b"")
        return self.origin.model_copy(update={"offset": int(noted)}) if noted.isdigit() else self.origin


@dataclass(frozen=True, slots=True)
class RowEvent:
    """One row as the source committed it, or as a snapshot read it; or a whole table emptied (no key).

    `row` is empty for a delete: Debezium's `before` holds type defaults. `created`: before it there was no such row.
    """

    op: Op
    table: str
    key: dict[str, Any]
    position: Position
    commit_ms: int
    row: dict[str, Any] = field(default_factory=dict)
    created: bool = False


class UnknownPast(Rejected):
    """A snapshot row cannot be put in order without what stands before it in its partition."""


def decode(raw: RawEvent, before: Position | None = None) -> RowEvent | None:
    """Read a Debezium envelope, with or without `schemas.enable`. None for what is knowingly ignored.

    `before` is the highest position streamed before this message in its partition; only rows read by a snapshot need
    it (UnknownPast is raised where it is None). Raises Rejected for anything unusable or unknown.
    """
    if raw.value is None:
        return None  # the tombstone that follows each delete, for compaction
    envelope = _object(raw.value, "the value")
    match envelope.get("op"):
        case "r":
            return _row_event("read", raw, envelope, _read_position(raw, before))
        case "c" | "u":
            return _row_event("upsert", raw, envelope, _streamed_position(envelope))
        case "d":
            return _row_event("delete", raw, envelope, _streamed_position(envelope))
        case "t":
            return _row_event("truncate", raw, envelope, _streamed_position(envelope))
        case "m":
            return None  # a logical message; our own are read by `decode_beat`
        case None if envelope.keys() == _BOUNDARY:
            return None  # a transaction's begin or end: `transaction.total_order` in each event says as much
        case None if envelope.keys() == _HEARTBEAT:
            return None  # Debezium's heartbeat; ours goes through the source's log
        case None if envelope.keys() >= _SCHEMA_CHANGE:
            return None  # a table's definition changed: its rows tell what they hold
        case op:
            raise Rejected("unsupported_operation", f"operation {op!r} is none that Freshline knows")


def decode_beat(raw: RawEvent, source_name: str) -> Beat | None:
    """Read a heartbeat: the logical message our heartbeat query wrote into the source's log. None for any other."""
    if raw.value is None:
        return None
    envelope = _object(raw.value, "the value")
    message = envelope.get("message")
    if envelope.get("op") != "m" or not isinstance(message, dict) or message.get("prefix") != beat_prefix(source_name):
        return None
    source = _part(envelope, "source")
    return Beat(source=source_name, commit_ms=milliseconds(source), position=of_source(source, None))


def _row_event(op: Op, raw: RawEvent, envelope: dict[str, Any], position: Position) -> RowEvent:
    source = _part(envelope, "source")
    if op != "truncate" and raw.key is None:
        raise Rejected("malformed_event", "the message has no key, so the row cannot be named")
    return RowEvent(
        op=op,
        table=f"{source.get('schema')}.{source.get('table')}",
        key={} if op == "truncate" or raw.key is None else _object(raw.key, "the key"),
        position=position,
        commit_ms=milliseconds(source),
        row=_part(envelope, "after") if op in ("upsert", "read") else {},
        created=envelope.get("op") == "c",
    )


def _streamed_position(envelope: dict[str, Any]) -> Position:
    return of_source(_part(envelope, "source"), envelope.get("transaction"))


def _read_position(raw: RawEvent, before: Position | None) -> Position:
    if before is None:
        raise UnknownPast("unknown_position", "what stands before this snapshot row in its partition is not known")
    return of_read(before, raw.first.offset)


def parsed(data: bytes, what: str) -> Any:
    """JSON as Kafka Connect writes it, without the schema it may stand in. Raises Rejected(malformed_event)."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Rejected("malformed_event", f"{what} is not JSON: {error}") from None
    if isinstance(found, dict) and found.keys() == {"schema", "payload"}:
        return found["payload"]
    return found


def _object(data: bytes, what: str) -> dict[str, Any]:
    found = parsed(data, what)
    if not isinstance(found, dict):
        raise Rejected("malformed_event", f"{what} is not a JSON object")
    return cast(dict[str, Any], found)


def _part(envelope: dict[str, Any], name: Literal["source", "after"]) -> dict[str, Any]:
    part = envelope.get(name)
    if not isinstance(part, dict):
        raise Rejected("malformed_event", f"{name!r} is not an object; is this a Debezium envelope?")
    return cast(dict[str, Any], part)


def milliseconds(source: dict[str, Any]) -> int:
    """When the source committed, since 1970, UTC. Raises Rejected(malformed_event) where `source` does not tell."""
    ts_ms = source.get("ts_ms")
    if not isinstance(ts_ms, int) or isinstance(ts_ms, bool):
        raise Rejected("malformed_event", "source.ts_ms is missing, so the change cannot be dated")
    return ts_ms
