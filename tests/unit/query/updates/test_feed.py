"""Where a reader goes on, at a process that is itself behind, or back after Kafka lost what it had."""

import pytest

from connectors.kafka_offsets import Offsets
from query.updates.feed import Feed
from query.updates.kept import Kept
from query.updates.places import Read
from query.updates.refusals import CursorExpired, UpdatesUnavailable
from schemas.errors import Unavailable
from schemas.topics import UPDATES


class Ends:
    """Kafka, which ends at `end`."""

    def __init__(self, end: int) -> None:
        self.end = end

    def end_offsets(self, _: object) -> Offsets:
        if self.end < 0:
            raise Unavailable("Kafka", "away")
        return {(UPDATES, 0): self.end}


def feed(read_to: int, end: int) -> Feed:
    """One that has read all before `read_to`, of what Kafka has before `end`."""
    feed = Feed("127.0.0.1:1")
    feed._kept, feed._offsets = Kept({0: read_to}, 10), Ends(end)  # type: ignore[assignment]
    return feed


def test_a_place_that_another_process_read_to_first_is_waited_for_and_not_gone() -> None:
    assert feed(5, end=7).read({0: 7}, 10) == Read([], {0: 7})


def test_a_place_beyond_what_kafka_has_is_gone() -> None:
    with pytest.raises(CursorExpired):
        feed(5, end=6).read({0: 7}, 10)


def test_a_place_ahead_is_not_judged_while_kafka_is_away() -> None:
    with pytest.raises(UpdatesUnavailable):
        feed(5, end=-1).read({0: 7}, 10)
