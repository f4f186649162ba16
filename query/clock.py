"""Time, handed in from outside so that tests can move it by hand."""

import time
from collections.abc import Callable
from typing import NamedTuple


class Instant(NamedTuple):
    """One moment on two clocks: `wall_ms` since 1970 UTC; `steady`, seconds for durations, never set back."""

    wall_ms: int
    steady: float


Clock = Callable[[], Instant]


def system_clock() -> Instant:
    return Instant(time.time_ns() // 1_000_000, time.monotonic())
