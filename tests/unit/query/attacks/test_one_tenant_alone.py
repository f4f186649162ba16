"""One tenant that asks for much, and slowly, does not keep others from their answers."""

import asyncio
import threading
from typing import Any

from query.decisions.memory import MemoryDecisions
from query.principal import Principal

ASKER = Principal("alice@acme.example", "acme", "helper")
OTHER = Principal("oscar@other.example", "other", "helper")
MANY, MOST_AT_ONCE, TENANTS_PLACES = 60, 40, 48
"""More than there are threads of any kind; as many as anyio has for what is not asynchronous; one tenant's share."""


class Stuck(MemoryDecisions):
    """Reading it back takes until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = 0
        self.go = threading.Event()

    def read_back(self, *args: Any) -> Any:
        self.reading += 1
        self.go.wait(20)
        return super().read_back(*args)


async def test_who_reads_back_slow_records_leaves_others_room(attacked: Any) -> None:
    log = attacked.company.decisions = Stuck()
    app = attacked.app()
    mine, others = (attacked.client_of(app, attacked.capability(who)) for who in (ASKER, OTHER))
    slow = [asyncio.create_task(mine.get("/v1/decisions")) for _ in range(MANY)]
    try:
        async with asyncio.timeout(10):
            while log.reading < MOST_AT_ONCE and sum(task.done() for task in slow) < MANY - TENANTS_PLACES:
                await asyncio.sleep(0)
        found = await others.post("/v1/search", json={"query": "printer"})
        alive = await others.get("/v1/freshness")
    finally:
        log.go.set()
    assert [found.status_code, alive.status_code] == [200, 200]
    assert {reply.status_code for reply in await asyncio.gather(*slow)} <= {200, 429}
