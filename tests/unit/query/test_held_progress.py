"""A watermark is claimed only once the grants behind it are in the view."""

from query.held_progress import HeldProgress
from schemas.position import Position
from schemas.progress import Progress
from schemas.topics import LABELS, RELATIONS


def progress(at: int, source: str = "helpdesk", **grants: int) -> Progress:
    after = {LABELS: {0: grants.get("labels", 0)}, RELATIONS: {0: grants.get("relations", 0), 1: 0}}
    return Progress(source=source, watermark_ms=at, position=Position(f"{at:04}"), measured_ms=at, grants=after)


def held(*waiting: Progress) -> HeldProgress:
    holder = HeldProgress()
    for one in waiting:
        holder.hold(one)
    return holder


def test_progress_waits_until_every_partition_of_labels_and_relations_is_read() -> None:
    waiting = progress(5, labels=2, relations=3)
    holder = held(waiting)
    assert holder.ready({(LABELS, 0): 2}) == []
    assert holder.ready({(LABELS, 0): 2, (RELATIONS, 0): 2}) == []
    assert holder.ready({(LABELS, 0): 2, (RELATIONS, 0): 3}) == [waiting]
    assert holder.ready({(LABELS, 0): 9, (RELATIONS, 0): 9}) == []


def test_an_older_progress_is_claimed_while_a_newer_one_still_waits() -> None:
    older, newer = progress(5, relations=3), progress(6, relations=4)
    holder = held(older, newer)
    assert holder.ready({(RELATIONS, 0): 3}) == [older]
    assert holder.ready({(RELATIONS, 0): 4}) == [newer]


def test_the_newest_that_is_read_goes_and_takes_the_older_ones_with_it() -> None:
    holder = held(progress(5, relations=100), progress(6, relations=1))
    assert holder.ready({(RELATIONS, 0): 1}) == [progress(6, relations=1)]
    assert holder.ready({(RELATIONS, 0): 100}) == []


def test_sources_do_not_wait_for_each_other() -> None:
    helpdesk, wiki = progress(5, relations=9), progress(5, "wiki", relations=1)
    assert held(helpdesk, wiki).ready({(RELATIONS, 0): 1}) == [wiki]
