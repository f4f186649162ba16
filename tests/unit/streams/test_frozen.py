"""A worker frozen beyond its session does not go on with what it had in hand."""

import os
import signal
import threading

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


def test_the_signal_to_go_on_looks_at_the_clock_before_anything_else_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ended, ticked = Clock(), [], threading.Event()
    monkeypatch.setattr("streams.frozen._tick", lambda awake: ticked.set())
    before = signal.getsignal(signal.SIGCONT)
    try:
        stay_awake(Awake(5.0, ended.append, clock))
        assert ticked.wait(5), "another thread ticks"
        clock.now += 6.0
        os.kill(os.getpid(), signal.SIGCONT)
        assert len(ended) == 1
    finally:
        signal.signal(signal.SIGCONT, before)
