"""Source position: the order in which a source database committed its changes.

A position is text that sorts, within one source, as the source's own log does. Only `of_source` knows how each
kind of database spells it: LSNs here; a binlog file and offset, an SCN or a resume token fit the same way.
"""

import re
from collections.abc import Mapping
from typing import Any, NewType

from schemas.errors import Rejected

Position = NewType("Position", str)

NOWHERE = Position("")
"""Before every real position."""
START = Position(f"{0:016x}.{0:016x}.{0:08x}")
"""Where a source's log begins: before every streamed change."""

_SEQUENCE = re.compile(r'\[(?:null|"([0-9]{1,20})"),"[0-9]{1,20}"\]')
"""Debezium's `source.sequence`: the LSN of the last commit before this transaction, and the change's own."""

_STREAMED = re.compile(r"[0-9a-f]{16}\.([0-9a-f]{16})\.[0-9a-f]{8}")
"""What `of_source` makes: its own LSN stands in the middle."""


def of_source(source: Mapping[str, Any], transaction: Mapping[str, Any] | None) -> Position:
    """Read the position from a Debezium `source` block and its `transaction` block.

    PostgreSQL: the commit that was streamed before this transaction (`source.sequence`), then `source.lsn`, then
    `transaction.total_order`. The LSN alone orders the changes of one row, but not what is streamed: a transaction is
    streamed when it commits, whenever it wrote. Right for streamed changes only: for rows that a snapshot read see
    `of_read`. Raises Rejected(unknown_position) where there is none.
    """
    if source.get("connector") != "postgresql":
        raise Rejected("unknown_position", f"connector {source.get('connector')!r} has no known source position")
    lsn = source.get("lsn")
    if not isinstance(lsn, int) or not _is_count(lsn, 64):
        raise Rejected("unknown_position", "source.lsn is missing, so the change cannot be put in order")
    if not isinstance(transaction, Mapping | None):
        raise Rejected("unknown_position", "the transaction block is not an object")
    order = (transaction or {}).get("total_order") or 0
    if not _is_count(order, 32):
        raise Rejected("unknown_position", "transaction.total_order is not a number that can be put in order")
    return Position(f"{_commit_before(source.get('sequence'), lsn):016x}.{lsn:016x}.{order:08x}")


def _commit_before(sequence: object, lsn: int) -> int:
    """The LSN of the last commit before this transaction; where the connector has seen none yet, the change's own."""
    if sequence is None:
        return lsn
    found = _SEQUENCE.fullmatch(sequence) if isinstance(sequence, str) else None
    before = lsn if found is None or found[1] is None else int(found[1])
    if found is None or not _is_count(before, 64):
        raise Rejected("unknown_position", "source.sequence is not a pair of LSNs; the change cannot be put in order")
    return before


def of_read(before: Position, offset: int) -> Position:
    """The position of a row that a snapshot read: right after what stands before it in its partition of the raw topic.

    Not the snapshot's own LSN: a transaction that changed a row before that LSN, and committed after it, is not in
    the snapshot but streamed after it (and incremental snapshots have no LSN at all). Debezium guarantees the order
    within a key, and what it streams later has a higher position, but where it starts again and repeats itself. So
    `before` is the highest position streamed before this row in its partition (START if none), and `offset`, the
    row's own, orders the reads of one key among each other.
    """
    return Position(f"{before}+{offset:016x}")


def is_read(position: Position) -> bool:
    """Whether a snapshot read it: see `of_read`."""
    return "+" in position


def lsn_of(position: Position) -> str | None:
    """The LSN of a streamed change as PostgreSQL prints it, `16/B374D848`; None for any other position.

    Of a heartbeat it is where its message ends in the log, which is before its own commit. Debezium sends transactions
    in the order of their commits: so every transaction whose commit ends at or before this LSN was sent before the
    heartbeat. And `pg_current_wal_lsn()`, asked after a commit, is never before the end of that commit. With
    `synchronous_commit = off` it may be: then `pg_current_wal_insert_lsn()` is the one to ask.
    """
    found = _STREAMED.fullmatch(position)
    if found is None:
        return None
    high, low = divmod(int(found[1], 16), 2**32)
    return f"{high:X}/{low:X}"


def lsn_number(lsn: str) -> int:
    """The place in the log, in bytes, that `16/B374D848` names."""
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def _is_count(value: object, bits: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**bits
