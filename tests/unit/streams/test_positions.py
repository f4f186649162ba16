"""What was read of a partition is remembered only as long as nothing is missing in between."""

from schemas.change import Origin
from schemas.position import START, Position, of_read
from streams.positions import Positions

A, B = Position("0a"), Position("0b")


def at(offset: int, partition: int = 1, topic: str = "t") -> Origin:
    return Origin(topic=topic, partition=partition, offset=offset)


def reading(*messages: tuple[int, Position | None, Position | None]) -> Positions:
    """(offset, what stood before it, its own position if it was streamed)"""
    positions = Positions()
    for offset, before, streamed in messages:
        positions.note(at(offset), before, streamed)
    return positions


def test_nothing_stands_before_the_first_message_of_a_partition() -> None:
    assert Positions().before(at(0)) == START


def test_what_stands_before_any_other_message_is_unknown_to_a_new_worker() -> None:
    assert Positions().before(at(7)) is None


def test_the_highest_position_streamed_so_far_stands_before_the_next_message() -> None:
    positions = reading((0, START, A), (1, A, B), (2, B, A), (3, B, None))
    assert positions.before(at(4)) == B


def test_a_row_that_a_snapshot_read_is_not_streamed_so_it_does_not_stand_before_the_next() -> None:
    positions = reading((6, A, None))
    assert positions.before(at(7)) == A
    assert positions.before(at(7)) < of_read(A, 6) < B


def test_a_gap_makes_a_partition_unknown_until_it_is_looked_up() -> None:
    positions = reading((0, START, A))
    assert positions.before(at(2)) is None
    positions.note(at(2), None, None)
    assert positions.before(at(3)) is None
    positions.note(at(3), B, None)
    assert positions.before(at(4)) == B


def test_after_a_gap_a_streamed_message_says_where_the_partition_is() -> None:
    positions = reading((0, START, A))
    positions.note(at(9), positions.before(at(9)), B)
    assert positions.before(at(10)) == B


def test_a_rewind_makes_a_partition_unknown() -> None:
    positions = reading((5, A, B), (6, B, None))
    assert positions.before(at(4)) is None
    assert positions.before(at(6)) is None
    assert positions.before(at(0)) == START


def test_a_partition_that_another_worker_read_for_a_while_is_unknown_when_it_comes_back() -> None:
    positions = reading((5, A, None))
    assert positions.before(at(40)) is None


def test_partitions_and_topics_are_apart() -> None:
    positions = reading((5, A, None))
    assert positions.before(at(6, partition=2)) is None
    assert positions.before(at(6, topic="u")) is None
