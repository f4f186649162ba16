"""Blocking work off the event loop: a bounded number of threads, a bounded queue, and no tenant that has all of it."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from query.gateway.refusals import TenantBusy
from schemas.errors import NotAvailable

P = ParamSpec("P")
T = TypeVar("T")
SHARE = 0.75
"""Of the threads, and of all places, that one tenant may have; at least one."""


class Busy(NotAvailable):
    """Too many questions are waiting; ask again in a second."""

    code = "busy"


class Workers:
    """Runs at most `threads` calls at once and lets `waiting` more wait; refuses the next with Busy.

    Calls that are `run_for` somebody take turns, one of each after the other, whoever waits with more. Each has at most
    a SHARE of the threads and of the places, so that for any other there is room, also where all of his are slow.
    """

    def __init__(self, threads: int = 8, waiting: int = 56) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._threads, self._places = threads, threads + waiting
        self._lock = Lock()
        self._waiting: OrderedDict[str, deque[tuple[Future[Any], Callable[[], Any]]]] = OrderedDict()
        self._running, self._held = Counter[str](), Counter[str]()

    async def run(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`do(...)` in a thread. Cancelled before it starts, it never does; else it runs to its end."""
        return await asyncio.wrap_future(self._enqueue("", lambda: do(*args, **kwargs)))

    async def run_for(self, whom: str, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`, with no more than a fair share for `whom`. Raises TenantBusy where he has that already."""
        return await asyncio.wrap_future(self._enqueue(whom, lambda: do(*args, **kwargs)))

    def close(self) -> None:
        """Drop what waits; what runs ends by itself. Work that comes later begins anew, in threads of its own."""
        with self._lock:
            pool, self._pool = self._pool, None
            dropped = [future for queue in self._waiting.values() for future, _ in queue]
            self._waiting.clear()
        for future in dropped:
            future.cancel()
        if pool is not None:
            pool.shutdown(wait=False)

    def _enqueue(self, whom: str, do: Callable[[], T]) -> "Future[T]":
        future: Future[T] = Future()
        with self._lock:
            if self._held.total() >= self._places:
                raise Busy()
            if whom and self._held[whom] >= _share(self._places):
                raise TenantBusy()
            self._held[whom] += 1
            self._waiting.setdefault(whom, deque()).append((future, do))
            future.add_done_callback(lambda ended: self._given_up(whom, ended))
            self._start()
        return future

    def _given_up(self, whom: str, future: "Future[Any]") -> None:
        """One that is cancelled while it waits frees its place at once."""
        if not future.cancelled():
            return
        with self._lock:
            queue = [each for each in self._waiting.pop(whom, ()) if each[0] is not future]
            if queue:
                self._waiting[whom] = deque(queue)
            self._release(self._held, whom)

    def _start(self) -> None:
        """Give free threads to those whose turn it is. With the lock held."""
        while self._running.total() < self._threads:
            whom = next((w for w in self._waiting if not w or self._running[w] < _share(self._threads)), None)
            if whom is None:
                return
            queue = self._waiting.pop(whom)
            future, do = queue.popleft()
            if queue:
                self._waiting[whom] = queue  # behind all others
            if future.set_running_or_notify_cancel():
                self._running[whom] += 1
                self._pool = self._pool or ThreadPoolExecutor(self._threads, thread_name_prefix="query")
                self._pool.submit(self._work, whom, future, do)

    def _work(self, whom: str, future: "Future[T]", do: Callable[[], T]) -> None:
        try:
            given = do()
        except BaseException as error:
            self._end(whom)
            future.set_exception(error)
        else:
            self._end(whom)
            future.set_result(given)

    def _end(self, whom: str) -> None:
        with self._lock:
            self._release(self._running, whom)
            self._release(self._held, whom)
            self._start()

    @staticmethod
    def _release(counts: Counter[str], whom: str) -> None:
        counts[whom] -= 1
        if not counts[whom]:
            del counts[whom]


def _share(of: int) -> int:
    return max(1, int(of * SHARE))
