"""Server-sent events, however the network cuts them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.client import events
from query.client.events import Event, EventReader
from schemas.errors import Unavailable

STREAM = (
    '﻿: hello\r\n\r\nid: 1\nevent: hit\ndata: {"a":\ndata:  "é\u2028ü"}\n\nretry: 5\rid: 2\r\rdata\n\nid:3\ndata: half'
)
EVENTS = [Event("1", "hit", '{"a":\n "é\u2028ü"}'), Event("2", "message", "")]


@given(cuts=st.lists(st.integers(1, len(STREAM.encode())), max_size=12))
def test_any_cut_of_the_bytes_gives_the_same_events(cuts: list[int]) -> None:
    whole, reader, found = STREAM.encode(), EventReader(), []
    edges = [0, *sorted(set(cuts)), len(whole)]
    for start, end in pairwise(edges):
        found += reader.feed(whole[start:end])
    assert found == EVENTS
    assert reader.last_id == "2"


def test_the_id_counts_once_its_event_is_whole_even_where_it_says_nothing() -> None:
    reader = EventReader("0")
    assert [*reader.feed(b"id: 1\n")] == []
    assert reader.last_id == "0"
    assert [*reader.feed(b"\n")] == []
    assert reader.last_id == "1"


def test_an_event_without_an_id_has_the_one_before() -> None:
    assert [*EventReader("0").feed(b"data: x\n\n")] == [Event("0", "message", "x")]


@pytest.mark.parametrize("part", [b"data: 123456\ndata: 123456\n", b"data: 123456789012"])
def test_an_endless_event_is_given_up(monkeypatch: pytest.MonkeyPatch, part: bytes) -> None:
    monkeypatch.setattr(events, "MOST_CHARACTERS", 16)
    with pytest.raises(Unavailable, match="more than 16"):
        [*EventReader().feed(part)]


def test_many_small_events_are_not_one_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_CHARACTERS", 16)
    assert len([*EventReader().feed(b"data: 12\n\n" * 9)]) == 9
