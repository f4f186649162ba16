"""Who is to be woken when something comes. Safe with several threads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Wakers:
    """`wake` calls them in its own thread and holds no lock meanwhile: a waker may come or go at any time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._wakers)

    @contextmanager
    def waking(self, waker: Callable[[], None]) -> Iterator[None]:
        """Meanwhile `waker` is called with each `wake`."""
        with self._lock:
            self._wakers.append(waker)
        try:
            yield
        finally:
            with self._lock:
                self._wakers.remove(waker)

    def wake(self) -> None:
        with self._lock:
            wakers = tuple(self._wakers)
        for waker in wakers:
            waker()
