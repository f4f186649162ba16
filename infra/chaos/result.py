"""What a run of chaos found, as chaos.json and as a table."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from rich.table import Table

DIFFERENCES = ("lost", "stale", "extra", "mislabelled", "regressions", "resurrections", "leaks")
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Least:
    """What a run must at least have done for its zeros to mean something."""

    changes: int
    faults: int
    kinds: int

    @classmethod
    def of(cls, seconds: float) -> "Least":
        """In proportion to the default run of 300 s; a run too short for every kind of fault needs fewer kinds."""
        share = min(1.0, seconds / 300.0)
        return cls(int(5000 * share), int(20 * share), 6 if share == 1.0 else 1)


@dataclass
class Result:
    """Counts come with what to look at; `problems` are what makes a run void."""

    seed: int
    workers: int
    least: Least
    changes: int = 0
    looks: int = 0
    answers: int = 0
    refused: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    found: dict[str, Sequence[str]] = field(default_factory=lambda: dict.fromkeys(DIFFERENCES, ()))
    recovery: Sequence[tuple[str, float]] = ()
    problems: list[str] = field(default_factory=list)

    def judge(self) -> None:
        """Note as a problem what fell short."""
        if self.changes < self.least.changes:
            self.problems.append(f"only {self.changes} changes, at least {self.least.changes} are needed")
        if not self.looks or not self.answers:
            self.problems.append(
                f"only {self.looks} looks into the index and {self.answers} answers: nothing was watched"
            )
        if self.faults.total() < self.least.faults or len(self.faults) < self.least.kinds:
            wanted = f"{self.least.faults} of {self.least.kinds} kinds"
            self.problems.append(f"only {self.faults.total()} faults of {len(self.faults)} kinds, at least {wanted}")

    @property
    def ok(self) -> bool:
        return not self.problems and not any(self.found.values())

    def write(self, file: Path) -> None:
        """chaos.json."""
        times = sorted(ms for _, ms in self.recovery)
        recovery = {"p50": _nearest(times, 0.5), "max": _nearest(times, 1.0)}
        content = {"seed": self.seed, "changes": self.changes, "workers": self.workers, "faults": dict(self.faults)}
        counts = {name: len(self.found[name]) for name in DIFFERENCES}
        file.write_text(json.dumps({**content, **counts, "recovery_ms": recovery}, indent=2) + "\n")

    def table(self) -> Table:
        """For people: every count, and each kind of fault with how long its recovery took."""
        table = Table(title=f"chaos, seed {self.seed}", show_header=False)
        table.add_row("changes", f"{self.changes}")
        table.add_row("workers", f"{self.workers}")
        table.add_row("watched", f"{self.looks} looks into the index, {self.answers} answers, {self.refused} refused")
        for kind, number in sorted(self.faults.items()):
            times = sorted(ms for one, ms in self.recovery if one == kind)
            took = f"recovered in {_seconds(_nearest(times, 0.5))}, at most {_seconds(_nearest(times, 1.0))}"
            table.add_row(kind, f"{number} × {took if times else ''}")
        for name in DIFFERENCES:
            count = len(self.found[name])
            table.add_row(name, f"[{'red' if count else 'green'}]{count}[/]")
        return table

    def details(self) -> list[str]:
        """What went wrong, line by line."""
        lines = [f"void: {problem}" for problem in self.problems]
        for name, found in self.found.items():
            lines += [f"{name}: {one}" for one in found[:SHOWN]]
            lines += [f"{name}: … and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return lines


def with_findings(result: Result, *groups: Mapping[str, Sequence[str]]) -> None:
    """Add what readers and comparisons found."""
    for group in groups:
        for name, found in group.items():
            result.found[name] = [*result.found[name], *found]


def _nearest(ordered: Sequence[float], share: float) -> float | None:
    return round(ordered[max(0, ceil(len(ordered) * share) - 1)], 1) if ordered else None


def _seconds(ms: float | None) -> str:
    return "—" if ms is None else f"{ms / 1000:.1f} s"
