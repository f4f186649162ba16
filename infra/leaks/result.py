"""What a run found, as leaks.json and as a table."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from rich.table import Table

from infra.leaks.judge import Findings

SHOWN = 12
P50_MS, P99_MS = 200.0, 1000.0
"""What the product promises of a revocation, on a machine that does nothing else."""
JUDGED = 100
"""Revocations of a kind, from which on that is judged."""


@dataclass
class Result:
    """`taken`: kind of revocation -> milliseconds. `wanted`: answers, and revocations of each kind."""

    seed: int
    wanted: tuple[int, int]
    found: Findings
    taken: Mapping[str, Sequence[float]]

    @property
    def ok(self) -> bool:
        """Nothing leaked, nothing was withheld wrongly, revocations were as quick as promised, and the run did what it
        was asked for."""
        found = self.found
        wrong = found.leaks or found.withheld or found.stale or found.problems
        return not (wrong or list(self.short()) or list(self.slow()))

    def slow(self) -> Iterator[str]:
        """Kinds of revocation that took longer than promised; of so few that a percentile means nothing, none."""
        for kind, taken in self.taken.items():
            if len(taken) < JUDGED:
                continue
            p50, p99 = nearest(taken, 0.5) or 0.0, nearest(taken, 0.99) or 0.0
            if p50 > P50_MS or p99 > P99_MS:
                yield f"revocations by {kind} took {p50:.0f} ms (p50) and {p99:.0f} ms (p99)"

    def short(self) -> Iterator[str]:
        """What the run did too little of for its zeros to mean anything."""
        answers, each = self.wanted
        if self.found.counts["answers"] < answers:
            yield f"only {self.found.counts['answers']} answers, {answers} were asked for"
        if self.found.counts["some hits"] < self.found.counts["answers"] / 4:
            yield f"only {self.found.counts['some hits']} answers had hits: nobody was allowed anything"
        for kind, taken in self.taken.items():
            if len(taken) < each:
                yield f"only {len(taken)} revocations by {kind}, {each} were asked for"

    def write(self, file: Path) -> None:
        """leaks.json."""
        content = {
            "answers": self.found.counts["answers"],
            "leaks": len(self.found.leaks),
            "wrongly_withheld": len(self.found.withheld),
            "revocation_ms": {
                kind: {"n": len(taken), "p50": nearest(taken, 0.5), "p99": nearest(taken, 0.99)}
                for kind, taken in self.taken.items()
            },
        }
        file.write_text(json.dumps(content, indent=2) + "\n")

    def table(self) -> Table:
        """For people."""
        counts, found = self.found.counts, self.found
        table = Table(title=f"leaks, seed {self.seed}", show_header=False)
        table.add_row(
            "answers compared", f"{counts['answers']}, {counts['some hits']} with hits, {counts['hits']} hits"
        )
        table.add_row("refused, as they must be", f"{counts['rightly refused']}")
        table.add_row("not whole or not known, asked again", f"{counts['asked again']}")
        for name, count in (
            ("leaks", len(found.leaks)),
            ("wrongly withheld", len(found.withheld)),
            ("with an old text", len(found.stale)),
        ):
            table.add_row(name, f"[{'red' if count else 'green'}]{count}[/]")
        for kind, taken in self.taken.items():
            table.add_row(f"revoked by {kind.replace('_', ' ')}", _told(taken))
        table.add_row("other changes meanwhile", f"{counts['other changes']}")
        return table

    def details(self) -> list[str]:
        """What went wrong, line by line."""
        lines = [f"void: {problem}" for problem in (*self.found.problems, *self.short())]
        lines += [f"too slow: {kind}" for kind in self.slow()]
        for name in ("leaks", "withheld", "stale"):
            wrong = getattr(self.found, name)
            lines += [f"{name}: {one}" for one in wrong[:SHOWN]]
            lines += [f"{name}: … and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        return lines


def nearest(times: Sequence[float], share: float) -> float | None:
    """The time within which this share of all came, by nearest rank."""
    ordered = sorted(times)
    return round(ordered[max(0, ceil(len(ordered) * share) - 1)], 1) if ordered else None


def _told(taken: Sequence[float]) -> str:
    if not taken:
        return "—"
    p50, p99 = nearest(taken, 0.5) or 0.0, nearest(taken, 0.99) or 0.0
    kept = p50 <= P50_MS and p99 <= P99_MS
    verdict = f"[{'green' if kept else 'yellow'}]{'within' if kept else 'beyond'} {P50_MS:.0f} and {P99_MS:.0f} ms[/]"
    return f"{len(taken)} times; half within {p50:.0f} ms, 99% within {p99:.0f} ms: {verdict}"
