"""The wiring: each agent reads its topics as raw bytes, hands batches to its step, then acknowledges them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
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

SETTINGS = Settings(batch_size=3, batch_wait=0.01)


class Steps:
    """In place of the job: remembers the batches it was given; fails as often as it is told."""

    def __init__(self) -> None:
        self.raw_topics = (TOPIC, MEMBERS_TOPIC)
        self.beats = {CONTRACT.beat_topic: CONTRACT.source}
        self.batches: list[list[RawEvent]] = []
        self.failures = 0
        self.got = asyncio.Event()

    async def index(self, raws: Sequence[RawEvent], send: Send) -> None:
        if self.failures:
            self.failures -= 1
            raise IndexUnavailable()
        self.batches.append(list(raws))
        self.got.set()

    take = index

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
