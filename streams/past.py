"""What stands before a message in its partition of the raw topic: the raw topic is the memory of the stream job. Pure.

Two kinds of events need it. A row that a snapshot read takes its position from the change streamed before it. An
update that leaves a TOASTed column unchanged does not carry its value (Debezium's reselect post-processor usually
fills it in; this is the defence where it did not): the last message of the same key that has it does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import Rejected
from schemas.position import START, Position
from schemas.template import unavailable
from streams.decode import RawEvent, decode


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
    """The position of a streamed change; None for a row that a snapshot read, and for anything else."""
    try:
        event = decode(raw)
    except Rejected:
        return None
    return None if event is None else event.position


def last_values(raw: RawEvent, earlier: Iterable[RawEvent]) -> dict[str, Any]:
    """The newest value of each unavailable column of `raw`, from earlier messages of its key (newest first).

    Ends at the message that created the row, and at a delete: what was before is another row's.
    """
    row = _row(raw)
    missing = {column for column, value in (row or {}).items() if unavailable(value)}
    values: dict[str, Any] = {}
    for before in earlier:
        if not missing:
            break
        if before.key != raw.key:
            continue
        known = _row(before)
        if known is None:
            break
        values |= {c: known[c] for c in missing if c in known and not unavailable(known[c])}
        missing -= values.keys()
    return values


def _row(raw: RawEvent) -> dict[str, Any] | None:
    """The row a message carries; None where it carries none (a delete, a tombstone, something unreadable)."""
    try:
        event = decode(raw, START)
    except Rejected:
        return None
    return event.row if event is not None and event.op in ("upsert", "read") else None
