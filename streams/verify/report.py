"""What verify found: counts by table and kind, a few examples of each."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from streams.verify.compare import KINDS, Finding, Kind

EXAMPLES = 5
"""Of each kind and table."""


@dataclass
class Report:
    """`rows` were compared, by table. `rejected`: rows the stream job does not take, by table and reason; no
    difference. `unjudged`: rows that could not be compared, by table and why. `left`: differences that are there
    still at the end: all of `found` without repair. `skipped`: tables that were not compared at all, and why."""

    source: str
    rows: Counter[str] = field(default_factory=Counter)
    found: Counter[tuple[str, Kind]] = field(default_factory=Counter)
    left: Counter[tuple[str, Kind]] = field(default_factory=Counter)
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    unjudged: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: list[Finding] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return not self.left.total()

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            place = (finding.table, finding.kind)
            self.found[place] += 1
            if self.found[place] <= EXAMPLES:
                self.examples.append(finding)

    def leave(self, findings: Iterable[Finding]) -> None:
        self.left.update((finding.table, finding.kind) for finding in findings)

    def as_json(self) -> dict[str, Any]:
        """For programs; keys and kinds are stable."""
        return {
            "source": self.source,
            "clean": self.clean,
            "rows": dict(self.rows),
            "found": {kind: self._of(self.found, kind) for kind in KINDS},
            "left": {kind: self._of(self.left, kind) for kind in KINDS},
            "by_table": [
                {"table": table, "kind": kind, "found": count, "left": self.left[table, kind]}
                for (table, kind), count in sorted(self.found.items())
            ],
            "rejected": _listed(self.rejected),
            "unjudged": _listed(self.unjudged),
            "skipped": [{"table": table, "reason": why} for table, why in sorted(self.skipped.items())],
            "examples": [
                {"kind": f.kind, "table": f.table, "record_id": f.record_id, "detail": f.detail} for f in self.examples
            ],
        }

    def as_table(self) -> Group:
        """For people."""
        counts = Table("table", "rows", "kind", "found", "left", title=f"{self.source}: the index against the database")
        for table in sorted({*self.rows, *(table for table, _ in self.found)}):
            kinds: list[Kind | None] = [kind for kind in KINDS if self.found[table, kind]]
            for kind in kinds or [None]:
                found, left = (
                    ("—", "—") if kind is None else (str(self.found[table, kind]), str(self.left[table, kind]))
                )
                counts.add_row(table, str(self.rows[table]), kind or "[green]no difference[/]", found, left)
        notes = [
            Text(f"{n} rows of {table} are rejected by the stream job ({why}): see freshline dead-letters list")
            for (table, why), n in sorted(self.rejected.items())
        ]
        notes += [
            Text(f"{n} rows of {table} could not be judged: {why}") for (table, why), n in sorted(self.unjudged.items())
        ]
        notes += [Text(f"{table} is not compared: {why}", "yellow") for table, why in sorted(self.skipped.items())]
        notes += [Text(f"{f.kind}: {f.record_id}: {f.detail}") for f in self.examples]
        return Group(counts, *notes)

    @staticmethod
    def _of(counter: Counter[tuple[str, Kind]], kind: Kind) -> int:
        return sum(count for (_, each), count in counter.items() if each == kind)


def _listed(counter: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"table": table, "reason": reason, "rows": n} for (table, reason), n in sorted(counter.items())]
