"""One lap of one system: events into its topic, the clock until all of them are searchable."""

import time
from collections.abc import Callable, Collection, Sequence

from confluent_kafka import Producer

from bench.events import Event, produce
from bench.ingest.systems import System
from schemas.errors import Unavailable

START_S, LAP_S = 120.0, 240.0
SETTLE_S = 1.0
"""Some systems take a topic's end for theirs only a moment after they have joined the group."""
QUICK, SLOW = 0.1, 0.25
"""Seconds between looks at the index: looking costs it time, so there are few until the end is near, or may be."""
NEAR = 2
"""The end may be near when no more rows are missing than came at once so far, times this."""


def begin(kafka: Producer, system: System, events: Sequence[Event], keys: Collection[str]) -> None:
    """Once it reads, write what is there first, and wait until all of it is searchable."""
    _until(lambda: system.at_work(), START_S, system, "does not begin to read")
    time.sleep(SETTLE_S)
    produce(kafka, events, system.topic, system.wrapped)
    _until(lambda: set(keys) <= system.keys(), LAP_S, system, "does not index what comes first")
    before = -1
    while before != (before := system.rows()):  # a row's first chunk may be there before its others
        time.sleep(SETTLE_S)


def lap(kafka: Producer, system: System, events: Sequence[Event], keys: Collection[str], rows: int) -> float:
    """Seconds from the first event in Kafka until rows of all these keys are searchable, `rows` in all (0: unknown)."""
    began, before, at_once = time.perf_counter(), system.rows(), 0
    produce(kafka, events, system.topic, system.wrapped)
    while True:
        there, passed = system.rows(), time.perf_counter() - began
        if there >= rows and set(keys) <= system.keys():
            return passed
        system.require_alive()
        if passed > LAP_S:
            raise Unavailable("a system", f"has {there} rows of {rows} after {LAP_S:.0f} s")
        before, at_once = there, max(at_once, there - before)
        time.sleep(QUICK if rows - there <= NEAR * at_once else SLOW)


def _until(met: Callable[[], bool], seconds: float, system: System, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        system.require_alive()
        if time.monotonic() > deadline:
            raise Unavailable(system.topic, otherwise)
        time.sleep(0.1)
