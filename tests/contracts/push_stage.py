"""One stream of updates of alice's, driven by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from update_stage import PRINTERS, ListLog, label_of

from query.asker import Asker, Circumstances
from query.gateway.cursor import Cursors
from query.principal import Principal
from query.updates.places import UpdateCursors
from query.updates.stream import Client, Push, events
from query.updates.streams import Streams
from query.updates.subscription import Subscription
from query.workers import Workers

ALICE = label_of("alice@acme.example")
Said = dict[str, Any]


class ListFeed(ListLog):
    def __init__(self) -> None:
        super().__init__()
        self.woken: list[Callable[[], None]] = []

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        self.woken.append(wake)
        try:
            yield
        finally:
            self.woken.remove(wake)

    def tell(self, *updates: Any) -> None:
        self.publish(*updates)
        for wake in self.woken:
            wake()


class Stage:
    """One stream of alice's, driven by hand. `refused` is what her token is refused with, from when it is set."""

    def __init__(self, company: Any, alice: Principal) -> None:
        self.company, self.alice, self.feed = company, alice, ListFeed()
        self.refused: Exception | None = None
        self.verified = 0
        self.workers = Workers(2, 8)
        cursors = UpdateCursors(Cursors(b"0" * 32))
        self.push = Push(company.parts(), self.feed, cursors, Streams(), self.workers)  # type: ignore[arg-type]

    def verify(self) -> Asker:
        self.verified += 1
        if self.refused is not None:
            raise self.refused
        return Asker(self.alice)

    def stream(self, places: Any = None, who: Principal | None = None, verify: Any = None) -> AsyncIterator[bytes]:
        subscription = Subscription(self.push.parts, self.feed, PRINTERS, places or self.feed.end())
        slot = self.push.streams.enter(who or self.alice)
        client = Client(verify or self.verify, lambda: Circumstances(self.company.now.wall_ms))
        return events(self.push, client, subscription, slot)


async def said(stream: AsyncIterator[bytes]) -> Said:
    """The next event; comments are passed over."""
    async with asyncio.timeout(5):
        while True:
            lines = (await anext(stream)).decode().strip().splitlines()
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if "event" in fields:
                return fields | {"data": orjson.loads(fields["data"])}
