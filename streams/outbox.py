"""Stage 1 for outboxes: what Debezium's outbox router made of an event becomes a row event. Pure.

The message is the event's payload, keyed by the aggregate id. What an envelope tells of a row stands in its headers:
`source` and `transaction` (see connectors/outbox.py), and the event's type.
"""

from typing import Any

import orjson

from schemas.contract import Aggregate
from schemas.errors import Rejected
from schemas.position import of_source
from schemas.topics import OUTBOX_TYPE
from streams.decode import RawEvent, RowEvent, milliseconds, parsed


def decode_event(raw: RawEvent, table: str, rules: Aggregate) -> RowEvent | None:
    """Read an event of the aggregate type `table` (`schema.outbox.type`). None for what is knowingly ignored.

    Event types the contract ignores are, and events that a snapshot read: what an outbox holds is history, and a
    snapshot reads it in no known order. Raises Rejected for anything unusable or unknown.
    """
    source = _header(raw, "source")
    if not isinstance(source, dict):
        raise Rejected("malformed_event", "there is no source header: the event did not come through our outbox router")
    if source.get("snapshot") not in (None, False, "false"):
        return None
    kind = _header(raw, OUTBOX_TYPE)
    if kind in rules.ignored:
        return None
    if kind not in (*rules.upserts, *rules.deletes):
        raise Rejected("unsupported_operation", f"event type {kind!r} is in none of upserts, deletes and ignored")
    outbox = f"{source.get('schema')}.{source.get('table')}"
    key = _key(raw, rules.key[0])
    payload = _payload(raw) if kind in rules.upserts else None
    return RowEvent(
        op="delete" if payload is None else "upsert",
        table=table if table.startswith(f"{outbox}.") else outbox,
        key=key,
        position=of_source(source, _header(raw, "transaction")),
        commit_ms=milliseconds(source),
        row={} if payload is None else {**dict.fromkeys(rules.optional), **payload, **key},
    )


def of_payload(rejected: Rejected) -> Rejected:
    """A field that one payload lacks is one bad event; the column that a table lacks stops the table."""
    if rejected.reason != "missing_column":
        return rejected
    return Rejected("malformed_event", f"{rejected}; fields that may be left out of a payload stand in optional")


def _header(raw: RawEvent, name: str) -> Any:
    return next(
        (parsed(value, f"the header {name!r}") for known, value in raw.headers if known == name and value), None
    )


def _key(raw: RawEvent, column: str) -> dict[str, Any]:
    key = None if raw.key is None else parsed(raw.key, "the key")
    if not isinstance(key, str | int) or isinstance(key, bool) or key == "":
        raise Rejected("malformed_event", "the event has no aggregate id, so its record cannot be named")
    return {column: key}


def _payload(raw: RawEvent) -> dict[str, Any] | None:
    """The event's JSON object, which comes as text or, expanded by the router, as itself; None where it is null."""
    payload = None if raw.value is None else parsed(raw.value, "the value")
    if isinstance(payload, str):
        try:
            payload = orjson.loads(payload) if payload.strip() else None
        except orjson.JSONDecodeError as error:
            raise Rejected("malformed_event", f"the payload is not JSON: {error}") from None
    if not isinstance(payload, dict | None):
        raise Rejected("malformed_event", "the payload is not a JSON object, whose fields could be columns")
    return payload
