"""The streams that are open: how many, whose, and how all of them are ended."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from weakref import WeakSet

from query.principal import Principal
from query.updates.refusals import StreamsBusy, TooManyStreams

MOST = 200
MOST_EACH = 8


class Slot:
    """The place of one open stream. It counts until `leave`, or until nobody holds it any more."""

    def __init__(self, streams: "Streams", who: Principal) -> None:
        self._streams, self.owner = streams, (who.tenant, who.subject)
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def is_ending(self) -> bool:
        return self._streams.are_ending

    def wake(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._news.set)

    async def news(self, patience_s: float) -> None:
        """Return when woken, or after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._news.wait()
        self._news.clear()

    def leave(self) -> None:
        self._streams.leave(self)


class Streams:
    """Thread-safe. `most` in all, `most_each` of one asker, whichever agents and tokens it uses."""

    def __init__(self, most: int = MOST, most_each: int = MOST_EACH) -> None:
        self._most, self._most_each = most, most_each
        self._lock = Lock()
        self._open: WeakSet[Slot] = WeakSet()
        self.are_ending = False

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, who: Principal) -> Slot:
        """Within an event loop. Raises TooManyStreams, StreamsBusy."""
        slot = Slot(self, who)
        with self._lock:
            if sum(one.owner == slot.owner for one in self._open) >= self._most_each:
                raise TooManyStreams(f"you have {self._most_each} update streams open; close one first")
            if self.are_ending or len(self._open) >= self._most:
                raise StreamsBusy()
            self._open.add(slot)
        return slot

    def leave(self, slot: Slot) -> None:
        with self._lock:
            self._open.discard(slot)

    def end(self) -> None:
        """Have every stream say that the server restarts, and end. From any thread, also from a signal's handler."""
        self.are_ending = True
        for wake in self._wakes():
            wake()

    def _wakes(self) -> list[Callable[[], None]]:
        return [slot.wake for slot in list(self._open)]
