"""A worker that was frozen ends instead of going on: its partitions may be another's by now.

What it had in hand when it froze is older than what the other has sent since. The index compares positions and would
drop it, but appended last to a compacted topic it would be what is kept.
"""

import signal
import time
from collections.abc import Callable
from threading import Thread

from streams.batches import start_again

TICK_S = 0.5
"""Seconds between signs of life."""
AT_WORK = 0.05
"""A process that had at least this share of a core since its last sign of life was busy, not frozen."""


class Awake:
    """Knows when this process last ran. `end` does not return. Clocks are in seconds.

    Kafka gives away the partitions of a member after its session, so `longest` must be well below that.
    """

    def __init__(
        self,
        longest: float,
        end: Callable[[str], object] = start_again,
        clock: Callable[[], float] = time.monotonic,
        work: Callable[[], float] = time.process_time,
    ) -> None:
        self._longest, self._end, self._clock, self._work = longest, end, clock, work
        self._seen, self._worked = clock(), work()

    def tick(self) -> None:
        """Give a sign of life; ends the process if it got no time to run since the last one, which is too long ago."""
        if self._work() - self._worked < AT_WORK * (self._clock() - self._seen):
            self.go_on()
        self._seen, self._worked = self._clock(), self._work()

    def go_on(self, *_: object) -> None:
        """After having been stopped: end the process if the last sign of life is too long ago."""
        gap = self._clock() - self._seen
        if gap > self._longest:
            self._end(f"it was frozen for {gap:.1f} s, and others may have its partitions")


def stay_awake(awake: Awake) -> None:
    """Tick for ever, in a thread: the event loop may wait for long, as for Kafka, without being frozen.

    And look the moment the process goes on after SIGSTOP, before anything else of the main thread runs. A container
    that is paused gets no signal, so there the next tick looks. For the main thread.
    """
    signal.signal(signal.SIGCONT, awake.go_on)
    Thread(target=_tick, args=[awake], name="awake", daemon=True).start()


def _tick(awake: Awake) -> None:
    while True:
        awake.tick()
        time.sleep(TICK_S)
