"""What processes took so far: CPU and memory, by part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from infra.local.processes import Record
from schemas.errors import Unavailable

SERVERS = ("kafka", "milvus")
WORKERS = "workers"
PARTS = (WORKERS, *SERVERS)
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spent:
    """Since each process began: seconds of CPU, by part."""

    cpu_s: Mapping[str, float]

    @classmethod
    def of(cls, processes: Mapping[str, Sequence[psutil.Process]]) -> Self:
        return cls({name: sum(map(_seconds, some)) for name, some in processes.items()})

    def each(self, before: Self, events: int) -> dict[str, float]:
        """Microseconds of CPU for an event since `before`, by part and in all."""
        costs = {name: (now - before.cpu_s[name]) / events * 1e6 for name, now in self.cpu_s.items()}
        return {**{name: round(cost, 1) for name, cost in costs.items()}, "all": round(sum(costs.values()), 1)}


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def megabytes(process: psutil.Process) -> float:
    """What it has in memory now."""
    return round(process.memory_info().rss / MEGABYTE, 1)


def server(home: Path, name: str) -> psutil.Process:
    """A server of the local stack. Raises Unavailable where it does not run."""
    record = Record.read(home / "pids" / f"{name}.json")
    process = record.process() if record else None
    if process is None:
        raise Unavailable(name, "it does not run")
    return process
