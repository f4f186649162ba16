"""The newest updates in memory: every offset is either there, or known to be older than what is there."""

from typing import Any

from update_stage import label_of

from query.updates.kept import Kept
from query.updates.places import Placed
from schemas.update import Update


def placed(offset: int) -> Placed:
    fields: dict[str, Any] = {"source": "s", "table": "t", "commit_ms": 0, "event_ms": 0, "kind": "changed"}
    return Placed(0, offset, Update(record_id=str(offset), position="p", label=label_of("a").id, **fields))


def test_reading_on_in_steps_gives_every_update_once_whatever_the_gaps() -> None:
    kept = Kept({0: 7}, most=100)
    for offset in (7, 8, 11, 12, 20):
        kept.add(placed(offset))
    kept.skip(0, 23)
    at, found = 7, list[int]()
    while True:
        part, at = kept.after(0, at, most=2)
        if not part:
            break
        found += [one.offset for one in part]
    assert (found, at, kept.end) == ([7, 8, 11, 12, 20], 24, {0: 24})


def test_what_is_forgotten_is_said_to_be_older_than_the_first() -> None:
    kept = Kept({0: 0}, most=3)
    for offset in range(20):
        kept.add(placed(offset))
    first = kept.first(0)
    found, _ = kept.after(0, first, most=100)
    assert 3 <= len(found) <= 7
    assert [one.offset for one in found] == list(range(first, 20))
