"""The two halves of a worker at work, without Faust: how work gets to a size; and their memory on the way."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import psutil

from bench.scale.spent import SERVERS, WORKERS, Spent, megabytes, server
from schemas.errors import Unavailable
from schemas.settings import Settings

ROLES = ("intake", "indexing")
SAMPLE_EVERY = 10_000
"""Events between two looks at the memory."""
Memory = Sequence[tuple[int, Mapping[str, float]]]
"""Events so far, and megabytes of each half."""


def halves_mb(memory: Memory, quarter: int) -> dict[str, float]:
    """What each half had in memory on the average of a quarter (1 to 4) of the run."""
    share = memory[-1][0] / 4
    held = [held for events, held in memory if (quarter - 1) * share < events <= quarter * share]
    return {role: round(fmean(one[role] for one in held), 1) for role in ROLES}


@dataclass(slots=True)
class Crew:
    """`done`: events that went through these halves so far."""

    halves: Mapping[str, "subprocess.Popen[str]"]
    home: Path
    done: int = 0
    memory: list[tuple[int, Mapping[str, float]]] = field(default_factory=list)

    def advance(self, events: int, offer: Callable[[], object]) -> None:
        """Take so many more, which `offer` writes to the raw topic meanwhile; return when both halves have them."""
        for half in self.halves.values():
            assert half.stdin is not None
            half.stdin.write(f"{events}\n")
            half.stdin.flush()
        with ThreadPoolExecutor(len(self.halves)) as following:
            far = {name: following.submit(self._follow, name, events) for name in self.halves}
            offer()
        for name, reached in far.items():
            if reached.result() < events:
                raise Unavailable(name, f"it ended; see {self.home / 'logs' / f'{name}.log'}")
        self.done += events
        self._sample(self.done)

    def spent(self) -> Spent:
        """By the halves together, and by the servers."""
        halves = [psutil.Process(half.pid) for half in self.halves.values()]
        return Spent.of({WORKERS: halves, **{name: [server(self.home, name)] for name in SERVERS}})

    def _follow(self, name: str, events: int) -> int:
        """How far a half has got when it is through, or has ended; looks at the memory as indexing goes on."""
        said, done, due = self.halves[name].stdout, 0, SAMPLE_EVERY
        while said is not None and done < events and (line := said.readline()):
            done = int(line)
            if name == ROLES[-1] and done >= due:
                self._sample(self.done + done)
                due = done + SAMPLE_EVERY
        return done

    def _sample(self, events: int) -> None:
        self.memory.append((events, {name: megabytes(psutil.Process(half.pid)) for name, half in self.halves.items()}))


@contextmanager
def crew(settings: Settings, batch: int) -> Iterator[Crew]:
    """Both halves, at work until the end."""
    logs = [(settings.home / "logs" / f"{role}.log").open("w") for role in ROLES]
    halves = {
        role: subprocess.Popen(
            [sys.executable, "-m", "bench.scale.pipe", role, str(batch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        for role, log in zip(ROLES, logs, strict=True)
    }
    try:
        yield Crew(halves, settings.home)
    finally:
        for half in halves.values():
            half.kill()
            half.wait()
        for log in logs:
            log.close()
