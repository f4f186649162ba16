import asyncio
import threading

import pytest

from query.workers import Busy, Workers


async def test_work_runs_beside_the_event_loop() -> None:
    workers = Workers(threads=1, waiting=0)
    assert await workers.run(threading.get_ident) != threading.get_ident()
    workers.close()


async def test_more_than_the_places_is_refused_and_places_come_back() -> None:
    workers, gate = Workers(threads=1, waiting=1), threading.Event()
    waiting = [asyncio.create_task(workers.run(gate.wait, 10)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await workers.run(int)
    gate.set()
    assert await asyncio.gather(*waiting) == [True, True]
    assert await workers.run(int) == 0
    workers.close()


async def test_given_up_before_it_starts_it_never_runs_and_frees_its_place() -> None:
    workers, gate, ran = Workers(threads=1, waiting=1), threading.Event(), []
    first = asyncio.create_task(workers.run(gate.wait, 10))
    second = asyncio.create_task(workers.run(ran.append, 2))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    third = asyncio.create_task(workers.run(ran.append, 3))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, third)
    assert ran == [3]
    workers.close()
