import asyncio
import threading

import pytest

from query.gateway.refusals import TenantBusy
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


async def begun(workers: Workers, whom: str, times: int, gate: threading.Event) -> "list[asyncio.Task[bool]]":
    tasks = [asyncio.create_task(workers.run_for(whom, gate.wait, 10)) for _ in range(times)]
    await asyncio.sleep(0)
    return tasks


async def test_a_tenant_whose_work_is_slow_leaves_a_thread_for_others() -> None:
    workers, gate = Workers(threads=4, waiting=12), threading.Event()
    slow = await begun(workers, "acme", 12, gate)
    assert await asyncio.wait_for(workers.run_for("rival", int), 5) == 0
    gate.set()
    assert await asyncio.gather(*slow) == [True] * 12
    workers.close()


async def test_a_tenant_with_its_share_of_the_places_is_refused_and_others_are_not() -> None:
    workers, gate = Workers(threads=4, waiting=4), threading.Event()
    slow = await begun(workers, "acme", 6, gate)
    with pytest.raises(TenantBusy):
        await workers.run_for("acme", int)
    assert await asyncio.wait_for(workers.run_for("rival", int), 5) == 0
    gate.set()
    await asyncio.gather(*slow)
    assert await workers.run_for("acme", int) == 0
    workers.close()


async def test_those_who_wait_take_turns_whoever_waits_with_more() -> None:
    workers, gate, done = Workers(threads=1, waiting=20), threading.Event(), []
    first = await begun(workers, "", 1, gate)
    waiting = [asyncio.create_task(workers.run_for("acme", done.append, "acme")) for _ in range(4)]
    await asyncio.sleep(0)
    waiting.append(asyncio.create_task(workers.run_for("rival", done.append, "rival")))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*first, *waiting)
    assert done.index("rival") <= 1
    workers.close()


async def test_what_work_raises_comes_back_and_its_place_too() -> None:
    workers = Workers(threads=1, waiting=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await workers.run_for("acme", divmod, 1, 0)
    workers.close()


async def test_after_closing_it_begins_anew() -> None:
    workers, gate = Workers(threads=1, waiting=1), threading.Event()
    first = await begun(workers, "", 2, gate)
    workers.close()
    with pytest.raises(asyncio.CancelledError):
        await first[1]
    gate.set()
    assert await first[0]
    assert await workers.run(int) == 0
    workers.close()
