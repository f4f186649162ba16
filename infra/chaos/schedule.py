"""Which fault comes when. Pure, and the same for the same seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

Lane = Literal["workers", "servers"]

LANES: dict[Lane, tuple[str, ...]] = {
    "workers": ("worker_kill", "worker_zombie", "rebalance_storm", "clock_skew"),
    "servers": ("kafka_kill", "connect_kill", "milvus_kill", "postgres_restart", "postgres_kill", "disk_full"),
}
"""Faults of a lane come one after another; those of two lanes may meet."""

WARM_UP_S = 5.0
EVERY_S: dict[Lane, float] = {"workers": 24.0, "servers": 22.0}
"""Between the starts of a lane's faults, on average: each takes 5 to 15 s to stage and heal."""
LAST = 0.92
"""No fault begins after this part of the run."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`at_s`: when it begins, seconds from the start. `hold_s`: how long it lasts, where that can be chosen."""

    kind: str
    at_s: float
    hold_s: float


def schedule(seed: int, seconds: float) -> dict[Lane, list[Fault]]:
    """The faults of each lane in order. Every kind of a lane comes once before any comes again."""
    return {lane: _lane(Random(f"{seed}/{lane}"), kinds, EVERY_S[lane], seconds) for lane, kinds in LANES.items()}


def _lane(random: Random, kinds: Sequence[str], every_s: float, seconds: float) -> list[Fault]:
    faults: list[Fault] = []
    waiting: list[str] = []
    at = WARM_UP_S + random.uniform(0.0, every_s / 4)
    while at < seconds * LAST:
        if not waiting:
            waiting = random.sample(kinds, len(kinds))
        faults.append(Fault(waiting.pop(), round(at, 2), round(random.uniform(0.0, 3.0), 2)))
        at += every_s * random.uniform(0.8, 1.2)
    return faults
