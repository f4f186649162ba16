"""Blocking work off the event loop, in a bounded number of threads and with a bounded queue."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import ParamSpec, TypeVar

from schemas.errors import NotAvailable

P = ParamSpec("P")
T = TypeVar("T")


class Busy(NotAvailable):
    """Too many questions are waiting; ask again in a second."""

    code = "busy"


class Workers:
    """Runs at most `threads` calls at once and lets `waiting` more wait; refuses the next with Busy."""

    def __init__(self, threads: int = 8, waiting: int = 56) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="query")
        self._places = BoundedSemaphore(threads + waiting)

    async def run(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`do(...)` in a thread. Cancelled before it starts, it never does; else it runs to its end."""
        if not self._places.acquire(blocking=False):
            raise Busy()
        try:
            future = self._pool.submit(do, *args, **kwargs)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Drop what waits; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
