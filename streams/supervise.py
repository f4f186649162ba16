"""Keeping a worker at work: a crashed one is started again, and so is one that stands still.

A stream worker can hang while it looks alive (it is in the group, its event loop turns, nothing is committed), so
what is watched is progress: a backlog whose committed offsets do not move for `stall` seconds is a standstill.
"""

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)

ORPHANED = 71
"""Exit code of a worker whose supervisor has gone."""
CHECK_EVERY = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
STEADY = 60.0
"""Seconds a worker must have run for the pause before the next start to be short again."""

Backlog = Callable[[], tuple[int, int] | None]
"""() -> (messages not yet committed, sum of committed offsets); None when Kafka is away."""


class Standstill:
    """Judges samples of the backlog: is the worker standing still?"""

    def __init__(self, stall: float) -> None:
        self._stall = stall
        self._committed = -1
        self._moved_at = 0.0

    def judge(self, sample: tuple[int, int] | None, now: float) -> bool:
        """True when there has been a backlog, and no commit, for the stall time. `now` in seconds, monotonic."""
        if sample is None or sample[0] == 0 or sample[1] != self._committed:
            self._committed = -1 if sample is None else sample[1]
            self._moved_at = now
        return now - self._moved_at >= self._stall


def end_with(supervisor: int) -> None:
    """End this process when its supervisor (a process id) is gone: a worker nobody watches keeps old contracts."""

    def watch() -> None:
        while os.getppid() == supervisor:
            time.sleep(1.0)
        log.error("the supervisor is gone; this worker ends")
        os._exit(ORPHANED)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()


def supervise(command: Sequence[str], backlog: Backlog, stall: float) -> int:
    """Run `command`, again after each failure, until SIGTERM or SIGINT; then stop it and return 0.

    A child that ends with exit code 2 is misconfigured: it would fail again, so its code is returned.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    pause = FIRST_PAUSE
    while not stopping.is_set():
        started = time.monotonic()
        child = subprocess.Popen(command)
        code = _watch(child, stopping, backlog, Standstill(stall))
        if stopping.is_set() or code == 2:
            return 0 if stopping.is_set() else code
        pause = FIRST_PAUSE if time.monotonic() - started > STEADY else min(pause * 2, LONGEST_PAUSE)
        log.warning("the worker ended with code %s; a new one starts in %.1f s", code, pause)
        stopping.wait(pause)
    return 0


def _watch(child: subprocess.Popen[bytes], stopping: threading.Event, backlog: Backlog, still: Standstill) -> int:
    checked = time.monotonic()
    while child.poll() is None:
        if stopping.wait(0.2):
            child.terminate()
            return _ended(child)
        if time.monotonic() - checked >= CHECK_EVERY:
            checked = time.monotonic()
            if still.judge(backlog(), checked):
                log.error("the worker stands still although there is a backlog; it is replaced")
                child.kill()
    return child.wait()


def _ended(child: subprocess.Popen[bytes]) -> int:
    try:
        return child.wait(20)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
