"""A worker frozen beyond its session does not go on with what it had in hand."""

import asyncio
import os
import signal

import pytest

from streams.frozen import Awake, stay_awake


class Ended(BaseException):
    """In place of the process's end."""


def end(why: str) -> None:
    raise Ended(why)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_process_that_runs_on_goes_on() -> None:
    clock = Clock()
    awake = Awake(5.0, end, clock, work=lambda: 0.0)
    for _ in range(10):
        clock.now += 4.9
        awake.tick()


def test_a_long_step_of_work_is_no_freeze() -> None:
    clock, worked = Clock(), Clock()
    awake = Awake(5.0, end, clock, worked)
    clock.now += 60.0
    worked.now += 4.0
    awake.tick()


def test_a_gap_longer_than_the_limit_ends_the_process_and_says_how_long_it_was() -> None:
    clock = Clock()
    awake = Awake(5.0, end, clock, work=lambda: 0.0)
    clock.now += 12.0
    with pytest.raises(Ended, match=r"frozen for 12\.0 s"):
        awake.tick()


async def test_the_signal_to_go_on_looks_at_the_clock_before_the_loop_does(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ended = Clock(), []
    monkeypatch.setattr("streams.frozen.TICK_S", 3600)
    before = signal.getsignal(signal.SIGCONT)
    task = asyncio.create_task(stay_awake(Awake(5.0, ended.append, clock)))
    try:
        await asyncio.sleep(0)
        clock.now += 6.0
        os.kill(os.getpid(), signal.SIGCONT)
        assert len(ended) == 1
    finally:
        task.cancel()
        signal.signal(signal.SIGCONT, before)
