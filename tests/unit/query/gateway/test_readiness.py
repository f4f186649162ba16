import asyncio
import threading

import pytest

from query.clock import Instant
from query.gateway.manners import Manners
from query.gateway.readiness import KEPT_S, Readiness
from schemas.errors import IndexUnavailable


class Index:
    """Counts how often it is asked; `away` makes it refuse, `gate` makes it wait."""

    def __init__(self) -> None:
        self.asked, self.away, self.now = 0, False, 1000.0
        self.gate = threading.Event()
        self.gate.set()

    def probe(self) -> None:
        self.asked += 1
        self.gate.wait(5)
        if self.away:
            raise IndexUnavailable()

    def clock(self) -> Instant:
        return Instant(0, self.now)


@pytest.fixture
def index() -> Index:
    return Index()


@pytest.fixture
def readiness(index: Index):
    made = Readiness(index.probe, index.clock)
    yield made
    made.close()


async def test_what_was_found_is_told_for_a_while_and_then_asked_again(readiness: Readiness, index: Index) -> None:
    for _ in range(3):
        await readiness.ready()
    assert index.asked == 1
    index.away = True
    index.now += KEPT_S + 0.1
    for _ in range(3):
        with pytest.raises(IndexUnavailable):
            await readiness.ready()
    assert index.asked == 2


async def test_many_at_once_ask_the_index_once(readiness: Readiness, index: Index) -> None:
    index.gate.clear()
    waiting = [asyncio.create_task(readiness.ready()) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    index.gate.set()
    await asyncio.gather(*waiting[1:])
    assert index.asked == 1


async def test_more_may_ask_at_once_than_there_are_places_for_questions(served) -> None:
    client = served.client("", app=served.app(Manners(threads=2, waiting=0)))
    replies = await asyncio.gather(*(client.get("/readyz") for _ in range(20)))
    assert {reply.status_code for reply in replies} == {200}
