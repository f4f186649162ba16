"""What stands before a message in its partition of the raw topic: the raw topic is the memory of the stream job. Pure.

Two kinds of events need it. A row that a snapshot read takes its position from the change streamed before it. An
update that leaves a TOASTed column unchanged does not carry its value (Debezium's reselect post-processor usually
fills it in; this is the defence where it did not): the last message of the same key that has it does. A row whose key
was changed is followed to its old key, and on from there: a connector that was away finds no such row to reselect.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from schemas.change import Origin
from schemas.errors import Rejected
from schemas.position import START, Position
from schemas.template import unavailable
from streams.decode import RawEvent, decode

OLD_KEY = "__debezium.oldkey"
_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\u([0-9a-f]{4})")
_BEYOND_16_BITS = re.compile("[\U00010000-\U0010ffff]")


class RawReader(Protocol):
    """The raw topics, backwards. Blocking; raises Unavailable."""

    def before(self, origin: Origin) -> Iterator[RawEvent]:
        """Every message still kept before `origin` in its partition, newest first."""

    def of_key(self, topic: str, key: bytes) -> Iterator[RawEvent]:
        """Every message still kept of the partition that holds a key, newest first."""


@dataclass(frozen=True, slots=True)
class Past:
    """`position`: the highest streamed before the message, None = not looked up. `values`: last known, by column."""

    position: Position | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def completed(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with its unavailable columns filled in, as far as they are known."""
        if not self.values:
            return row
        return {c: self.values[c] if unavailable(v) and c in self.values else v for c, v in row.items()}


NO_PAST = Past()


def streamed_before(earlier: Iterable[RawEvent]) -> Position:
    """The position last streamed in `earlier` (newest first); START if nothing was."""
    for raw in earlier:
        position = streamed_position(raw)
        if position is not None:
            return position
    return START


def streamed_position(raw: RawEvent) -> Position | None:
    """The position of a streamed change; None for a row that a snapshot read, what is redriven, and anything else."""
    if raw.redriven:
        return None
    try:
        event = decode(raw)
    except Rejected:
        return None
    return None if event is None else event.position


def values_before(raw: RawEvent, topics: RawReader) -> dict[str, Any]:
    """As `last_values`, and on from there under the keys that the row had before."""
    missing, values = _missing(raw), dict[str, Any]()
    created = raw if renamed_from(raw) else _collect(raw.key, topics.before(raw.origin), missing, values)
    while created is not None and missing:
        old = renamed_from(created)
        earlier = topics.of_key(created.origin.topic, old) if old else iter(())
        left_at = _skip_past_delete(old, streamed_position(created), earlier)
        created = _collect(old, earlier, missing, values, left_at)
    return values


def last_values(raw: RawEvent, earlier: Iterable[RawEvent]) -> dict[str, Any]:
    """The newest value of each unavailable column of `raw`, from earlier messages of its key (newest first).

    Ends at the message that created the row, and at a delete: what was before is another row's.
    """
    values: dict[str, Any] = {}
    _collect(raw.key, earlier, _missing(raw), values)
    return values


def renamed_from(raw: RawEvent) -> bytes | None:
    """The row's key before, as its messages then carried it, if `raw` created it by changing its key."""
    header = dict(raw.headers).get(OLD_KEY)
    try:
        old, now = orjson.loads(header or b"null"), orjson.loads(raw.key or b"null")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(old, dict) or not isinstance(now, dict):
        return None
    return _as_connect_writes({**now, "payload": old} if now.keys() == {"schema", "payload"} else old)


def _as_connect_writes(key: dict[str, Any]) -> bytes:
    """Byte for byte as Kafka Connect's JSON converter does, which partitions depend on: it escapes what lies beyond 16
    bits, and in capitals."""
    text = _BEYOND_16_BITS.sub(lambda found: json.dumps(found[0])[1:-1], orjson.dumps(key).decode())
    return _ESCAPED.sub(lambda found: f"{found[1]}\\u{found[2].upper()}", text).encode()


def _collect(
    key: bytes | None,
    earlier: Iterable[RawEvent],
    missing: set[str],
    values: dict[str, Any],
    left_at: Position | None = None,
) -> RawEvent | None:
    """Move what is known of `missing` into `values`; the message at which another key's past begins, if need be.

    The delete at `left_at`, with which the row left this key, does not end it, however often it was sent.
    """
    for before in earlier if missing else ():
        if before.key != key:
            continue
        known = _row(before)
        if known is None and left_at is not None and (before.value is None or streamed_position(before) == left_at):
            continue
        if known is None:
            break
        values |= {c: known[c] for c in missing if c in known and not unavailable(known[c])}
        missing -= values.keys()
        if not missing:
            break
        if renamed_from(before):
            return before
    return None


def _skip_past_delete(key: bytes | None, position: Position | None, earlier: Iterator[RawEvent]) -> Position | None:
    """Read on until just before the delete with which a row left its key, which stands next before `position`."""
    for before in earlier:
        at = streamed_position(before) if before.key == key else None
        if at is not None and position is not None and at < position:
            return at
    return None


def _missing(raw: RawEvent) -> set[str]:
    return {column for column, value in (_row(raw) or {}).items() if unavailable(value)}


def _row(raw: RawEvent) -> dict[str, Any] | None:
    """The row a message carries; None where it carries none (a delete, a tombstone, something unreadable)."""
    try:
        event = decode(raw, START)
    except Rejected:
        return None
    return event.row if event is not None and event.op in ("upsert", "read") else None
