"""The wiring: each agent reads its topics as raw bytes, hands batches to its step, then acknowledges them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import faust
import pytest
from stream_stage import CONTRACT, MEMBERS_TOPIC, TOPIC

from schemas.errors import IndexUnavailable
from schemas.settings import Settings
from streams import batches, flow
from streams.decode import RawEvent
from streams.job import Job
from streams.progress import Tracker
from streams.send import Send

SETTINGS = Settings(batch_size=3)


class Steps:
    """In place of the job: remembers the batches it was given; fails as often as it is told."""

    def __init__(self) -> None:
        self.raw_topics = (TOPIC, MEMBERS_TOPIC)
        self.beats = {CONTRACT.beat_topic: CONTRACT.source}
        self.batches: list[list[RawEvent]] = []
        self.failures = 0
        self.foreseen: list[list[bytes | None]] = []
        self.tried: list[list[bytes | None]] = []
        self.foreseeing_fails = False
        self.got = asyncio.Event()
        self.may_end = asyncio.Semaphore(100)

    async def index(self, raws: Sequence[RawEvent], send: Send) -> None:
        self.tried.append([raw.value for raw in raws])
        if self.failures:
            self.failures -= 1
            raise IndexUnavailable()
        self.batches.append(list(raws))
        self.got.set()
        await self.may_end.acquire()

    take = index

    async def foresee(self, raws: Sequence[RawEvent]) -> None:
        self.foreseen.append([raw.value for raw in raws])
        if self.foreseeing_fails:
            raise ZeroDivisionError("bug")

    def note_beats(self, raws: Sequence[RawEvent]) -> None:
        self.batches.append(list(raws))
        self.got.set()


@pytest.fixture
def acknowledged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the batches acknowledged."""
    sizes: list[int] = []
    monkeypatch.setattr(flow, "acknowledge", lambda events: sizes.append(len(events)))
    monkeypatch.setattr(batches, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(flow, "sender", lambda app: None)
    return sizes


def wired(steps: Steps) -> faust.App:
    loop = asyncio.get_running_loop()
    app = faust.App("wiring", broker="kafka://127.0.0.1:1", autodiscover=False, web_enabled=False, loop=loop)
    flow.wire(app, cast(Job, steps), cast(Tracker, None), SETTINGS)
    return app


@asynccontextmanager
async def running(steps: Steps, name: str) -> AsyncIterator[Any]:
    """The agent of that name at work, without Kafka: what is `put` comes to it as from its topic."""
    app = wired(steps)
    agent = next(agent for full, agent in app.agents.items() if str(full).endswith(name))
    try:
        async with agent.test_context() as at_work:
            yield at_work
    finally:
        cast(Any, app.consumer)._thread.thread_loop.close()  # of a consumer thread that never runs here


def topics_of(agent: Any) -> set[str]:
    return set(agent.channel.topics)


async def test_each_agent_reads_its_own_topics() -> None:
    agents = {str(name).rsplit(".", 1)[-1]: topics_of(agent) for name, agent in wired(Steps()).agents.items()}
    assert agents == {
        "intake": {TOPIC, MEMBERS_TOPIC},
        "indexing": {"freshline.changes"},
        "progress": {"helpdesk.message"},
    }


@pytest.mark.parametrize("name", ["indexing", "intake", "progress"])
async def test_bytes_arrive_as_they_are_and_are_acknowledged_once_done(name: str, acknowledged: list[int]) -> None:
    steps = Steps()
    async with running(steps, name) as agent:
        await agent.put(b"\xff not json", key=b"\x00k", wait=False)
        await asyncio.wait_for(steps.got.wait(), 5)
    (batch,) = steps.batches
    assert [(raw.key, raw.value) for raw in batch] == [(b"\x00k", b"\xff not json")]
    assert acknowledged == [1]


async def test_nothing_is_acknowledged_while_the_index_is_away(acknowledged: list[int]) -> None:
    steps = Steps()
    steps.failures = 3
    async with running(steps, "indexing") as agent:
        await agent.put(b"a", wait=False)
        await asyncio.wait_for(steps.got.wait(), 5)
    assert (len(steps.batches), steps.failures, acknowledged) == (1, 0, [1])


async def test_a_batch_is_what_came_while_the_one_before_was_at_work_up_to_its_size(acknowledged: list[int]) -> None:
    steps = Steps()
    steps.may_end = asyncio.Semaphore(0)
    async with running(steps, "intake") as agent:
        await agent.put(b"first", wait=False)
        await asyncio.wait_for(steps.got.wait(), 5)
        for number in range(5):
            await agent.put(b"%d" % number, wait=False)
        for done in (1, 4, 6):
            await turns(100)
            steps.may_end.release()
            await until(lambda done=done: sum(acknowledged) == done)  # type: ignore[misc]
    assert [[raw.value for raw in batch] for batch in steps.batches] == [[b"first"], [b"0", b"1", b"2"], [b"3", b"4"]]
    assert acknowledged == [1, 3, 2]


async def test_what_comes_while_few_changes_are_at_work_is_one_batch_when_they_are_done(
    acknowledged: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "FEW", 1)  # so that each batch that is not full is one of few
    steps = Steps()
    steps.may_end = asyncio.Semaphore(0)
    async with running(steps, "indexing") as agent:
        for value in (b"first", b"second", b"third"):
            await agent.put(value, wait=False)
            await asyncio.wait_for(steps.got.wait(), 5)
            await turns(50)
        assert (len(steps.batches), steps.foreseen) == (1, [])
        steps.may_end.release()
        steps.may_end.release()
        await until(lambda: sum(acknowledged) == 3)
    assert [[raw.value for raw in batch] for batch in steps.batches] == [[b"first"], [b"second", b"third"]]


async def test_the_next_batch_is_foreseen_while_one_is_at_work_and_has_its_turn_only_then(
    acknowledged: list[int],
) -> None:
    steps = Steps()
    steps.may_end = asyncio.Semaphore(0)
    async with running(steps, "indexing") as agent:
        await agent.put(b"first", wait=False)
        await asyncio.wait_for(steps.got.wait(), 5)
        await agent.put(b"second", wait=False)
        await until(lambda: steps.foreseen == [[b"second"]])
        await turns(50)
        assert ([[raw.value for raw in batch] for batch in steps.batches], acknowledged) == ([[b"first"]], [])
        steps.may_end.release()
        steps.may_end.release()
        await until(lambda: acknowledged == [1, 1])
    assert [[raw.value for raw in batch] for batch in steps.batches] == [[b"first"], [b"second"]]


async def test_batches_in_hand_keep_their_order_while_the_first_is_tried_again(acknowledged: list[int]) -> None:
    steps = Steps()
    steps.may_end = asyncio.Semaphore(0)
    async with running(steps, "indexing") as agent:
        await agent.put(b"0", wait=False)
        await asyncio.wait_for(steps.got.wait(), 5)
        for number in (1, 2):
            await agent.put(b"%d" % number, wait=False)
            await until(lambda number=number: len(steps.foreseen) == number)  # type: ignore[misc]
        steps.failures = 3
        steps.may_end.release()
        await until(lambda: steps.failures == 0)
        assert (steps.tried[1:4], acknowledged) == ([[b"1"]] * 3, [1])
        for _ in range(2):
            steps.may_end.release()
        await until(lambda: acknowledged == [1, 1, 1])
    assert [[raw.value for raw in batch] for batch in steps.batches] == [[b"0"], [b"1"], [b"2"]]


async def test_a_batch_that_fails_outside_its_step_ends_the_worker_and_none_after_it_is_done(
    acknowledged: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    monkeypatch.setattr(flow, "give_up", lambda what: ended.append(what) or asyncio.current_task().cancel())  # type: ignore
    steps = Steps()
    steps.may_end, steps.foreseeing_fails = asyncio.Semaphore(0), True
    async with running(steps, "indexing") as agent:
        await agent.put(b"0", wait=False)
        await asyncio.wait_for(steps.got.wait(), 5)
        for number in (1, 2):
            await agent.put(b"%d" % number, wait=False)
            await turns(100)
        for _ in range(3):
            steps.may_end.release()
        await until(lambda: acknowledged == [1])
        await turns(100)
    assert (ended[0], steps.tried, acknowledged) == ("indexing", [[b"0"]], [1])


async def test_a_batch_ends_where_its_messages_are_too_many_bytes(
    acknowledged: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_BYTES", 10)
    steps = Steps()
    async with running(steps, "intake") as agent:
        await turns(50)
        for value in (b"123456", b"1234", b"1", b"2", b"12345678901"):
            await agent.put(value, wait=False)
        await until(lambda: sum(acknowledged) == 5)
    assert acknowledged == [2, 3]


async def test_what_is_at_hand_at_once_is_one_batch_though_faust_hands_it_over_one_by_one(
    acknowledged: list[int],
) -> None:
    steps = Steps()
    async with running(steps, "intake") as agent:
        await turns(50)
        for number in range(3):
            await agent.put(b"%d" % number, wait=False)
        await until(lambda: sum(acknowledged) == 3)
    assert acknowledged == [3]


async def test_no_more_batches_are_in_hand_than_can_be_at_work(acknowledged: list[int]) -> None:
    steps = Steps()
    steps.may_end = asyncio.Semaphore(0)
    async with running(steps, "indexing") as agent:
        for number in range(5):
            await agent.put(b"%d" % number, wait=False)
            await turns(50)
        assert steps.foreseen == [[b"1"], [b"2"]]
        for _ in range(5):
            steps.may_end.release()
        await until(lambda: sum(acknowledged) == 5)
    values = [raw.value for batch in steps.batches for raw in batch]
    assert values == [b"0", b"1", b"2", b"3", b"4"]


async def test_faust_acknowledges_nothing_of_its_own(monkeypatch: pytest.MonkeyPatch, acknowledged: list[int]) -> None:
    events: list[Any] = []
    monkeypatch.setattr(flow, "acknowledge", events.extend)
    async with running(Steps(), "indexing") as agent:
        for _ in range(5):
            await agent.put(b"x", wait=False)
        await until(lambda: len(events) == 5)
        await turns(50)
        assert not any(event.message.acked for event in events)
        batches.acknowledge(events)
        assert all(event.message.acked for event in events)


async def test_an_event_that_comes_alone_is_at_work_before_any_clock_has_moved(acknowledged: list[int]) -> None:
    steps = Steps()
    async with running(steps, "indexing") as agent:
        loop = asyncio.get_running_loop()
        await turns(50)
        began = loop.time()
        loop.time = lambda: began  # type: ignore[method-assign]
        try:
            await agent.put(b"alone", wait=False)
            await turns(50)
        finally:
            del loop.time
    assert [raw.value for raw in steps.batches[0]] == [b"alone"]


async def turns(number: int) -> None:
    """Let everything that can go on do so, so many times."""
    for _ in range(number):
        await asyncio.sleep(0)


async def until(is_so: Callable[[], bool]) -> None:
    """Let the agent work until it is so; five seconds at most."""
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0)
