"""The reader/writer lock in front of Milvus Lite, driven step by step: no sleeps, every wait bounded."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from infra.local.milvus_lock import PhaseFairLock

WAIT_S = 10
Turn = Callable[[], AbstractContextManager[None]]


class Caller:
    """A thread that takes the lock, notes its name in `order`, and stays inside until told to leave."""

    def __init__(self, name: str, turn: Turn, order: list[str]) -> None:
        self._inside = threading.Event()
        self._may_leave = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(name, turn, order), daemon=True)
        self._thread.start()

    def _run(self, name: str, turn: Turn, order: list[str]) -> None:
        with turn():
            order.append(name)
            self._inside.set()
            self._may_leave.wait(WAIT_S)

    def enters(self) -> "Caller":
        assert self._inside.wait(WAIT_S), "still outside"
        return self

    def is_outside(self) -> bool:
        return not self._inside.is_set()

    def leave(self) -> None:
        self._may_leave.set()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "could not leave"


class Stage:
    """One lock, its callers, and the order in which they got in."""

    def __init__(self) -> None:
        self.lock = PhaseFairLock()
        self.order: list[str] = []
        self.callers: list[Caller] = []

    def reader(self, name: str = "reader") -> Caller:
        return self._call(name, self.lock.reading)

    def writer(self, name: str = "writer") -> Caller:
        return self._call(name, self.lock.writing)

    def blocked_reader(self, name: str = "reader") -> Caller:
        readers, writers = self.lock.waiting()
        return self._blocked(self.reader(name), (readers + 1, writers))

    def blocked_writer(self, name: str = "writer") -> Caller:
        readers, writers = self.lock.waiting()
        return self._blocked(self.writer(name), (readers, writers + 1))

    def _call(self, name: str, turn: Turn) -> Caller:
        self.callers.append(Caller(name, turn, self.order))
        return self.callers[-1]

    def _blocked(self, caller: Caller, expected: tuple[int, int]) -> Caller:
        changed = self.lock._changed
        with changed:
            assert changed.wait_for(lambda: self.lock.waiting() == expected, WAIT_S), "was not blocked"
        assert caller.is_outside()
        return caller


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    for caller in stage.callers:
        caller._may_leave.set()


def test_readers_share_the_lock(stage: Stage) -> None:
    stage.reader().enters()
    stage.reader().enters()


def test_a_writer_waits_until_the_last_reader_has_left(stage: Stage) -> None:
    first, second = stage.reader().enters(), stage.reader().enters()
    writer = stage.blocked_writer()
    first.leave()
    assert stage.lock.waiting() == (0, 1)
    second.leave()
    writer.enters()


def test_a_writer_is_alone(stage: Stage) -> None:
    inside = stage.writer("first").enters()
    reader, writer = stage.blocked_reader(), stage.blocked_writer("second")
    assert (reader.is_outside(), writer.is_outside()) == (True, True)
    inside.leave()
    reader.enters().leave()
    writer.enters()


def test_a_waiting_writer_goes_before_readers_that_came_later(stage: Stage) -> None:
    early = stage.reader("early reader").enters()
    writer = stage.blocked_writer()
    late = stage.blocked_reader("late reader")
    early.leave()
    writer.enters().leave()
    late.enters()
    assert stage.order == ["early reader", "writer", "late reader"]


def test_readers_that_waited_go_before_the_next_writer(stage: Stage) -> None:
    first = stage.writer("writer 1").enters()
    second, third = stage.blocked_writer("writer 2"), stage.blocked_writer("writer 3")
    readers = [stage.blocked_reader(), stage.blocked_reader()]
    first.leave()
    for reader in readers:
        reader.enters()
    assert second.is_outside()
    for reader in readers:
        reader.leave()
    second.enters().leave()
    third.enters()
    assert stage.order == ["writer 1", "reader", "reader", "writer 2", "writer 3"]


def test_writers_go_in_the_order_they_came(stage: Stage) -> None:
    inside = stage.writer("0").enters()
    waiting = [stage.blocked_writer(str(number)) for number in range(1, 6)]
    inside.leave()
    for writer in waiting:
        writer.enters().leave()
    assert stage.order == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize("turn", [PhaseFairLock.reading, PhaseFairLock.writing])
def test_the_lock_is_free_again_after_an_error_inside(
    stage: Stage, turn: Callable[[PhaseFairLock], AbstractContextManager[None]]
) -> None:
    with pytest.raises(ZeroDivisionError), turn(stage.lock):
        raise ZeroDivisionError
    stage.writer().enters()


def test_no_update_is_lost_and_no_reader_sees_half_of_one(stage: Stage) -> None:
    """Sixteen threads without coordination: a pair of numbers that writers change one after the other."""
    pair, torn = [0, 0], []
    start = threading.Barrier(16)

    def write() -> None:
        start.wait(WAIT_S)
        for _ in range(200):
            with stage.lock.writing():
                pair[0] += 1
                pair[1] += 1

    def read() -> None:
        start.wait(WAIT_S)
        for _ in range(200):
            with stage.lock.reading():
                if pair[0] != pair[1]:
                    torn.append(tuple(pair))

    threads = [threading.Thread(target=task, daemon=True) for task in [write, read] * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert (pair, torn, stage.lock.waiting()) == ([1600, 1600], [], (0, 0))
