"""The tally of dead letters: right whatever was settled, and never reading twice."""

from collections import Counter
from collections.abc import Iterable

import pytest

from query.freshness.letters import UNREADABLE, Stored, Tally
from schemas.change import Origin
from schemas.dead_letter import DeadLetter
from schemas.errors import RejectReason, Unavailable


def letter(source: str, reason: RejectReason) -> bytes:
    origin = Origin(topic="t", partition=0, offset=1)
    return DeadLetter(origin=origin, reason=reason, message="no", at_ms=0, source=source).model_dump_json().encode()


class Topic:
    """Messages by offset; `asked` are the ranges read."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bytes | None]] = []
        self.begin = 0
        self.fails_at: int | None = None
        self.asked: list[tuple[int, int]] = []

    def bounds(self) -> tuple[int, int]:
        return self.begin, len(self.messages)

    def read(self, start: int, end: int) -> Iterable[Stored]:
        self.asked.append((start, end))
        for offset in range(start, end):
            if offset == self.fails_at:
                raise Unavailable("Kafka")
            yield offset, *self.messages[offset]


@pytest.fixture
def topic() -> Topic:
    return Topic()


def test_open_letters_are_counted_by_source_and_reason(topic: Topic) -> None:
    topic.messages = [
        (b"a", letter("shop", "quality")),
        (b"b", letter("shop", "quality")),
        (b"c", letter("wiki", "no_permission")),
        (b"d", b"no letter"),
        (b"b", None),
        (b"c", letter("wiki", "quality")),
    ]
    expected = {("shop", "quality"): 1, ("wiki", "quality"): 1, ("", UNREADABLE): 1}
    assert Tally(topic.bounds, topic.read).counted() == Counter(expected)


def test_only_what_is_new_is_read(topic: Topic) -> None:
    tally = Tally(topic.bounds, topic.read)
    topic.messages = [(b"a", letter("shop", "quality"))]
    tally.counted()
    topic.messages += [(b"a", None), (b"b", letter("wiki", "quality"))]
    assert tally.counted() == {("wiki", "quality"): 1}
    assert topic.asked == [(0, 1), (1, 3)]


def test_after_a_failure_it_goes_on_where_it_was(topic: Topic) -> None:
    tally = Tally(topic.bounds, topic.read)
    topic.messages = [(b"a", letter("shop", "quality")), (b"b", letter("shop", "quality"))]
    topic.fails_at = 1
    with pytest.raises(Unavailable):
        tally.counted()
    topic.fails_at = None
    assert tally.counted() == {("shop", "quality"): 2}
    assert topic.asked[-1] == (1, 2)


def test_a_topic_made_anew_is_read_from_its_beginning(topic: Topic) -> None:
    tally = Tally(topic.bounds, topic.read)
    topic.messages = [(b"a", letter("shop", "quality"))] * 3
    tally.counted()
    topic.messages = [(b"b", letter("wiki", "quality"))]
    assert tally.counted() == {("wiki", "quality"): 1}
