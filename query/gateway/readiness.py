"""Whether questions can be answered. Anybody may ask that, as often as he likes, and takes nobody's place by it."""

import asyncio
from collections.abc import Callable

from query.clock import Clock
from query.workers import Workers

KEPT_S = 1.0


class Readiness:
    """`probe` asks the index; it blocks, and raises what is the matter. It runs once at a time, in a thread of its own,
    and what it found is told for KEPT_S."""

    def __init__(self, probe: Callable[[], object], clock: Clock) -> None:
        self._probe, self._clock = probe, clock
        self._workers = Workers(threads=1, waiting=0)
        self._asking: asyncio.Task[None] | None = None
        self._found: tuple[float, Exception | None] | None = None

    async def ready(self) -> None:
        """Raises what the probe raises."""
        if self._found is None or self._clock().steady - self._found[0] > KEPT_S:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask())
            # One that goes away does not end the question of all others.
            await asyncio.shield(self._asking)
        if self._found is not None and self._found[1] is not None:
            raise self._found[1]

    def close(self) -> None:
        self._workers.close()

    async def _ask(self) -> None:
        trouble: Exception | None = None
        try:
            await self._workers.run(self._probe)
        except Exception as error:
            trouble = error
        self._found = (self._clock().steady, trouble)
