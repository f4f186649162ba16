"""The hard events: what Debezium really sends, and what the index must hold afterwards. Always the same."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

from bench.events.source_log import UNCHANGED, Event, Row, SourceLog


@dataclass(frozen=True, slots=True)
class Shown:
    """What the index shows of a row: its text, and one column beside it."""

    text: str
    status: str


@dataclass(frozen=True, slots=True)
class HardCase:
    """One kind of hard event. `keys`: the rows it is about. `right`: key -> what must be shown at the end; no others.

    `first` must be in the index before `then` comes. `alone`: it takes other rows of its table away.
    """

    name: str
    what: str
    first: tuple[Event, ...]
    then: tuple[Event, ...]
    keys: frozenset[str]
    right: dict[str, Shown]
    alone: bool = False


LATE = 30_000_000
"""A position in the log after those of all cases."""
LAST_KEYS = range(9000, 9012)
OLD, NEW = "The first version of the text of row {}.", "The second version of the text of row {}, now final."


def hard_cases(full: bool = False) -> list[HardCase]:
    """Each about rows of its own, in one log; in any order, but for those that must stand alone.

    `full`: as a table with REPLICA IDENTITY FULL gives them, which are easier: `before` is whole, and so is large text.
    """
    log, keys = SourceLog(full), count(1)
    makers: list[Callable[[SourceLog, int], HardCase]] = [
        _null_before,
        _toast,
        _redelivered,
        _key_only_delete,
        _key_change,
        _truncate,
    ]
    return [make(log, next(keys)) for make in makers]


def last_rows() -> dict[str, tuple[Event, ...]]:
    """Key -> its insert. Rows that come after all else, some in each partition of up to four: once they are all in the
    index, all else has been read."""
    log = SourceLog(lsn=LATE)
    return {str(key): tuple(log.insert(_row(key, OLD))) for key in LAST_KEYS}


def _row(key: int, text: str, status: str = "open") -> Row:
    return {
        "id": key,
        "tenant_id": "acme",
        "owner_email": "ann@acme.example",
        "team_id": 7,
        "subject": f"Row {key}",
        "body": text.format(key),
        "status": status,
        "priority": "normal",
        "updated_at": "2026-11-23T02:26:04.443322Z",
    }


def _case(name: str, what: str, first: list[Event], then: list[Event], *rows: tuple[int, Row | None]) -> HardCase:
    """`rows`: key -> the row as it must be shown, None for one that must be gone."""
    return HardCase(
        name,
        what,
        tuple(first),
        tuple(then),
        frozenset(str(key) for key, _ in rows),
        {str(key): Shown(row["body"], row["status"]) for key, row in rows if row is not None},
    )


def _null_before(log: SourceLog, key: int) -> HardCase:
    old, new = _row(key, OLD), _row(key, NEW, "solved")
    what = "an update whose `before` is null, as the default replica identity gives it"
    return _case("null before", what, log.insert(old), log.update(new, old), (key, new))


def _toast(log: SourceLog, key: int) -> HardCase:
    old = _row(key, OLD)
    now = {**old, "status": "solved"}
    what = "an update of another column: the large text is not sent, a placeholder stands for it"
    sent = now if log.full else {**now, "body": UNCHANGED}
    return _case("unchanged TOAST", what, log.insert(old), log.update(sent, old), (key, now))


def _redelivered(log: SourceLog, key: int) -> HardCase:
    old, middle, new = _row(key, OLD), _row(key, "In between, row {}.", "waiting"), _row(key, NEW, "solved")
    first, older, newer = log.insert(old), log.update(middle, old), log.update(new, middle)
    what = "an older update delivered once more after a newer one"
    return _case("redelivery", what, first, [*older, *newer, *older], (key, new))


def _key_only_delete(log: SourceLog, key: int) -> HardCase:
    old = _row(key, OLD)
    what = "a delete that tells the key and type defaults, and its tombstone"
    return _case("key-only delete", what, log.insert(old), log.delete(old), (key, None))


def _key_change(log: SourceLog, key: int) -> HardCase:
    old, other = _row(key, OLD), key + 1000
    now = {**old, "id": other}
    what = "a changed primary key: delete, tombstone, create"
    return _case("key change", what, log.insert(old), log.change_key(old, other), (key, None), (other, now))


def _truncate(log: SourceLog, key: int) -> HardCase:
    old, other = _row(key, OLD), _row(key + 1000, NEW)
    what = "a truncated table, and a row written after it"
    rows = (key, None), (key + 1000, other)
    case = _case("truncate", what, log.insert(old), [*log.truncate(), *log.insert(other)], *rows)
    return replace(case, alone=True)
