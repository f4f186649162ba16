"""A worker whose clock is wrong: `python -m infra.chaos.skewed SECONDS PROGRAM ARGUMENTS…`.

Shifts what Python code reads as the wall clock (`time.time`, `time.time_ns`), then runs the program. Monotonic clocks
stay right, as they do on a machine whose date was set wrong.
"""

import runpy
import sys
import time


def shift(seconds: float) -> None:
    """Move this process's wall clock."""
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + seconds
    time.time_ns = lambda: right_ns() + round(seconds * 1e9)


if __name__ == "__main__":
    shift(float(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_path(sys.argv[0], run_name="__main__")
