"""Progress: a source's watermark is published only when all before the beat is in the index."""

import asyncio
from collections.abc import Sequence

import pytest

from schemas.position import Position
from schemas.progress import Beat, Progress
from streams.progress import Offsets, Tracker, reached
from streams.send import Message

RAW, CHANGES = ("helpdesk.t", 0), ("freshline.changes", 0)
ASKED = ["helpdesk.t", "freshline.labels", "freshline.relations", "freshline.changes"]
"""What grants there are is asked once intake has passed the beat: all that came before it are among them."""


class Kafka:
    """Offsets as a script: each look at what is committed may move them on."""

    def __init__(self, ends: dict[tuple[str, int], int], steps: Sequence[dict[tuple[str, int], int]]) -> None:
        self.ends, self.begins = dict(ends), dict.fromkeys(ends, 0)
        self.steps = list(steps)
        self.asked: list[str] = []

    def begin_offsets(self, topics: Sequence[str]) -> Offsets:
        return {at: offset for at, offset in self.begins.items() if at[0] in topics}

    def end_offsets(self, topics: Sequence[str]) -> Offsets:
        self.asked += topics
        return {at: offset for at, offset in self.ends.items() if at[0] in topics}

    def committed(self, topics: Sequence[str]) -> Offsets:
        assert topics == self.asked[-len(topics) :]
        return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]


def beat(at: int, source: str = "helpdesk") -> Beat:
    return Beat(source=source, commit_ms=1000 + at, position=Position(f"{at:04}"))


def tracker(kafka: Kafka) -> Tracker:
    return Tracker(kafka, {"helpdesk": ["helpdesk.t"], "wiki": ["wiki.t"]}, lambda beat: True, poll=0)


async def follow(tracker: Tracker) -> Progress:
    sent: list[Message] = []

    async def send(messages: Sequence[Message]) -> None:
        sent.extend(messages)

    await asyncio.wait_for(tracker.follow("helpdesk", send, lambda: 99), 5)
    (message,) = sent
    assert (message.topic, message.key) == ("freshline.progress", b"helpdesk")
    return Progress.model_validate_json(message.value)


async def test_the_beat_is_followed_through_the_raw_topics_and_then_the_changes() -> None:
    ends = {RAW: 10, CHANGES: 4, ("freshline.labels", 0): 7, ("freshline.relations", 1): 8}
    kafka = Kafka(ends, [{}, {RAW: 9}, {RAW: 10}, {RAW: 10}, {RAW: 10, CHANGES: 3}, {CHANGES: 4}])
    watched = tracker(kafka)
    watched.note(beat(7))
    grants = {"freshline.labels": {0: 7}, "freshline.relations": {1: 8}}
    assert await follow(watched) == Progress(
        source="helpdesk", watermark_ms=1007, position="0007", measured_ms=99, grants=grants
    )
    assert (kafka.asked, len(kafka.steps)) == (ASKED, 1)


async def test_what_intake_wrote_before_the_beat_is_waited_for_although_it_came_later() -> None:
    class Growing(Kafka):
        def committed(self, topics: Sequence[str]) -> Offsets:
            self.ends[CHANGES] = 5
            return super().committed(topics)

    kafka = Growing({RAW: 1, CHANGES: 4}, [{RAW: 1}, {RAW: 1, CHANGES: 4}, {RAW: 1, CHANGES: 5}])
    watched = tracker(kafka)
    watched.note(beat(1))
    await follow(watched)
    assert len(kafka.steps) == 1


async def test_rows_sent_before_a_beat_that_come_after_it_are_waited_for() -> None:
    """The beat was read although rows sent before it were still on their way: they count once Kafka has them."""
    kafka, asked = Kafka({RAW: 3, CHANGES: 1}, [{RAW: 3}, {RAW: 5}, {RAW: 5, CHANGES: 1}]), list[Beat]()

    def acknowledged(beat: Beat) -> bool:
        assert kafka.asked == []
        asked.append(beat)
        kafka.ends[RAW] = 3 + len(asked)
        return len(asked) == 2

    watched = Tracker(kafka, {"helpdesk": ["helpdesk.t"]}, acknowledged, poll=0)
    watched.note(beat(7))
    assert (await follow(watched)).watermark_ms == 1007
    assert asked == [beat(7), beat(7)]
    assert len(kafka.steps) == 1


async def test_a_stopped_table_is_not_waited_for_but_named() -> None:
    raw_of_stopped = ("helpdesk.u", 0)
    kafka = Kafka({RAW: 10, raw_of_stopped: 99, CHANGES: 4}, [{RAW: 10, CHANGES: 4}])
    watched = Tracker(
        kafka, {"helpdesk": ["helpdesk.t"]}, lambda beat: True, poll=0, stopped={"helpdesk": ["s.u"], "wiki": ["s.w"]}
    )
    watched.note(beat(7))
    progress = await follow(watched)
    assert (progress.watermark_ms, progress.stopped) == (1007, ("s.u",))
    assert kafka.asked == ASKED


async def test_the_newest_beat_counts_and_an_older_one_is_ignored() -> None:
    watched = tracker(Kafka({}, [{}]))
    for at in (3, 8, 5):
        watched.note(beat(at))
    watched.note(beat(9, "wiki"))
    assert (await follow(watched)).watermark_ms == 1008


async def test_without_a_new_beat_nothing_is_published() -> None:
    watched = tracker(Kafka({}, [{}]))
    watched.note(beat(3))
    await follow(watched)
    watched.note(beat(3))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watched.follow("helpdesk", _unwanted, lambda: 0), 0)


async def _unwanted(messages: Sequence[Message]) -> None:
    raise AssertionError(messages)


@pytest.mark.parametrize(
    ("begins", "ends", "committed", "there"),
    [
        ({}, {}, {}, True),
        ({RAW: 0}, {RAW: 0}, {}, True),
        ({RAW: 7}, {RAW: 7}, {}, True),
        ({RAW: 0}, {RAW: 1}, {}, False),
        ({RAW: 0}, {RAW: 2}, {RAW: 1}, False),
        ({RAW: 0}, {RAW: 2}, {RAW: 2}, True),
        ({RAW: 0}, {RAW: 2}, {RAW: 3}, True),
        ({RAW: 0, CHANGES: 0}, {RAW: 2, CHANGES: 1}, {RAW: 2}, False),
        ({}, {RAW: 1}, {RAW: 0}, False),
    ],
)
def test_a_partition_is_passed_when_all_it_holds_is_committed(
    begins: Offsets, ends: Offsets, committed: Offsets, there: bool
) -> None:
    assert reached(begins, ends, committed) is there
