"""How much of the machine each process takes: processor time between two looks, in cores."""

import time
from dataclasses import dataclass

import psutil

from infra.local.stack import Stack

HARNESS, RIVAL, EVERYTHING = "this bench", "rival", "whole machine"


@dataclass(frozen=True, slots=True)
class Look:
    """Seconds of processor time so far, by part, with all that a part has started; and when that was."""

    seconds: dict[str, float]
    at: float

    def since(self, earlier: "Look") -> dict[str, float]:
        """Cores in use since then, by part; parts that did not run then are left out."""
        took = self.at - earlier.at
        return {
            name: round((seconds - earlier.seconds[name]) / took, 3)
            for name, seconds in self.seconds.items()
            if name in earlier.seconds
        }


def look(stack: Stack, rival: psutil.Process | None = None) -> Look:
    pids = {part.name: part.pid for part in stack.status() if part.pid is not None}
    seconds = {name: _used(psutil.Process(pid)) for name, pid in pids.items()}
    others = {RIVAL: _used(rival)} if rival is not None else {}
    return Look({**seconds, **others, HARNESS: _own(psutil.Process()), EVERYTHING: _busy()}, time.monotonic())


def _used(process: psutil.Process) -> float:
    return _own(process) + sum(_own(child) for child in process.children(recursive=True))


def _busy() -> float:
    """Of all cores, whoever used them: what is more than all parts together was somebody else's."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def _own(process: psutil.Process) -> float:
    """With what has ended under it, as PostgreSQL's sessions do; nothing if it has just ended itself."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
