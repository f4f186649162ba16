"""Stage 1, decode: the bytes of one Debezium message become one row event. Pure."""

from dataclasses import dataclass, field
from typing import Any, Literal, cast

import orjson

from schemas.change import Origin
from schemas.errors import Rejected
from schemas.position import Position, of_source
from schemas.progress import Beat


@dataclass(frozen=True, slots=True)
class RawEvent:
    """One Kafka message as it came."""

    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class RowEvent:
    """One row as the source committed it. `row` is empty for a delete: Debezium's `before` holds type defaults."""

    deleted: bool
    table: str
    key: dict[str, Any]
    position: Position
    commit_ms: int
    row: dict[str, Any] = field(default_factory=dict)


def decode(raw: RawEvent) -> RowEvent | None:
    """Read a Debezium envelope, with or without `schemas.enable`. None for a tombstone, which follows its delete.

    Raises Rejected for anything that is not a row's create, read, update or delete.
    """
    if raw.value is None:
        return None
    envelope = _object(raw.value, "the value")
    op = envelope.get("op")
    if op not in ("r", "c", "u", "d"):
        raise Rejected("unsupported_operation", f"operation {op!r} is not a row's create, read, update or delete")
    if raw.key is None:
        raise Rejected("malformed_event", "the message has no key, so the row cannot be named")
    source = _part(envelope, "source")
    row = {} if op == "d" else _part(envelope, "after")
    return RowEvent(
        deleted=op == "d",
        table=f"{source.get('schema')}.{source.get('table')}",
        key=_object(raw.key, "the key"),
        position=of_source(source, envelope.get("transaction")),
        commit_ms=_milliseconds(source),
        row=row,
    )


def decode_beat(raw: RawEvent, source_name: str) -> Beat | None:
    """Read a heartbeat: the logical message our heartbeat query wrote into the source's log. None for any other."""
    if raw.value is None:
        return None
    envelope = _object(raw.value, "the value")
    message = envelope.get("message")
    if envelope.get("op") != "m" or not isinstance(message, dict) or message.get("prefix") != beat_prefix(source_name):
        return None
    source = _part(envelope, "source")
    return Beat(source=source_name, commit_ms=_milliseconds(source), position=of_source(source, None))


def beat_prefix(source_name: str) -> str:
    """The prefix of a source's heartbeat messages in its log."""
    return f"freshline.{source_name}"


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        parsed = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Rejected("malformed_event", f"{what} is not JSON: {error}") from None
    if isinstance(parsed, dict) and parsed.keys() == {"schema", "payload"}:
        parsed = parsed["payload"]
    if not isinstance(parsed, dict):
        raise Rejected("malformed_event", f"{what} is not a JSON object")
    return cast(dict[str, Any], parsed)


def _part(envelope: dict[str, Any], name: Literal["source", "after"]) -> dict[str, Any]:
    part = envelope.get(name)
    if not isinstance(part, dict):
        raise Rejected("malformed_event", f"{name!r} is not an object; is this a Debezium envelope?")
    return cast(dict[str, Any], part)


def _milliseconds(source: dict[str, Any]) -> int:
    ts_ms = source.get("ts_ms")
    if not isinstance(ts_ms, int) or isinstance(ts_ms, bool):
        raise Rejected("malformed_event", "source.ts_ms is missing, so the change cannot be dated")
    return ts_ms
