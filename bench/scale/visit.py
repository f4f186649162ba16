"""What is measured when work has got to a size: cost of an event, memory, how long it takes to be back after a loss."""

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import psutil

from bench.common.options import CORES
from bench.events import Event
from bench.scale.product import api_ready_s, at_work, through
from bench.scale.spent import SERVERS, WORKERS, Spent, megabytes, server
from infra.local.processes import wait_gone
from infra.local.stack import Stack
from schemas.settings import Settings

FIRST, MEASURED, AFTER = 500, 5_500, 200
"""Events with which workers begin; whose cost is measured; which are written when a worker is lost."""
VISIT = FIRST + MEASURED
"""Events up to the size that is visited."""
PAIR = 2


def visit(settings: Settings, events: Iterator[Event]) -> dict[str, Any]:
    """The last events before a size go through two workers as they are; then everything is lost once."""
    began = time.monotonic()
    with at_work(settings, PAIR, CORES) as workers:
        started = time.monotonic() - began
        found = window(settings, workers, events)
        taken_over = _taken_over(settings, workers[0], events)
    return {
        **found,
        "workers_start_s": round(started, 1),
        "takeover_s": taken_over,
        "milvus_restart_s": _milvus_back_s(settings),
        "api_ready_s": api_ready_s(settings),
    }


def window(settings: Settings, workers: list[psutil.Process], events: Iterator[Event]) -> dict[str, Any]:
    """Cost of an event with all that is at work for it, and what the workers and servers hold in memory then."""
    through(settings, islice(events, FIRST))
    parts = {WORKERS: workers, **{name: [server(settings.home, name)] for name in SERVERS}}
    before, began = Spent.of(parts), time.monotonic()
    through(settings, islice(events, MEASURED))
    took = time.monotonic() - began
    return {
        "us_per_event": Spent.of(parts).each(before, MEASURED),
        "events_a_second": round(MEASURED / took),
        "memory_mb": {name: max(map(megabytes, some)) for name, some in parts.items()},
    }


def _taken_over(settings: Settings, lost: psutil.Process, events: Iterator[Event]) -> float:
    """Seconds from SIGKILL of one worker until the other is through with what comes to both."""
    began = time.monotonic()
    lost.kill()
    wait_gone([lost], 5.0)
    through(settings, islice(events, AFTER))
    return round(time.monotonic() - began, 1)


def _milvus_back_s(settings: Settings) -> float:
    """Seconds from SIGKILL until the index answers again."""
    process = server(settings.home, "milvus")
    began = time.monotonic()
    process.kill()
    wait_gone([process], 5.0)
    Stack(settings.home, lambda _: None).up(SERVERS)
    return round(time.monotonic() - began, 1)
