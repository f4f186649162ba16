"""A whole run: a company on a stack of its own, rounds of questions, revocations under load, a verdict."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import psycopg
from rich.console import Console
from rich.live import Live

from infra.leaks.bearer import Askers
from infra.leaks.changes import Changes
from infra.leaks.judge import Findings
from infra.leaks.provider import Provider
from infra.leaks.result import Result
from infra.leaks.revocations import KINDS, Revocations, load
from infra.leaks.rounds import Doors, Rounds
from infra.leaks.stage import OpenProduct, erase, staged
from infra.leaks.world import rows
from schemas.errors import Unavailable

LAST_QUESTIONS = 30
"""Asked when the load is over, of all that it changed."""


@dataclass(frozen=True)
class Plan:
    """How many answers to compare, how many revocations of each kind to time, by which seed."""

    answers: int
    revocations: int
    seed: int


def play(plan: Plan, home: Path, open_product: OpenProduct, console: Console) -> Result:
    """Run in `<home>/leaks`, write `<home>/leaks.json`, print the verdict. Everything is stopped after."""
    console.print(
        f"   {plan.answers} answers, {plan.revocations} revocations of each kind, seed {plan.seed}; servers start"
    )
    changes, provider, found = Changes(Random(f"{plan.seed}/changes")), Provider(), Findings()
    result = Result(plan.seed, (plan.answers, plan.revocations), found, {kind: [] for kind in KINDS})
    with staged(home, list(rows(changes.world)), open_product, provider) as (product, dsn):
        doors = Doors(product, provider, found)
        try:
            _run(plan, doors, dsn, changes, result, console)
        except Unavailable as error:
            found.add("problems", str(error))
    result.write(home / "leaks.json")
    console.print(result.table())
    if result.ok:
        erase(home)
    else:
        kept = f"the logs are in {home / 'leaks' / 'logs'}"
        console.print(*result.details(), kept, sep="\n", markup=False, highlight=False, soft_wrap=True)
    return result


def _run(plan: Plan, doors: Doors, dsn: str, changes: Changes, result: Result, console: Console) -> None:
    found = result.found
    with psycopg.connect(dsn, autocommit=True) as database:
        rounds = Rounds(doors, database, changes, found)
        revocations = Revocations(doors, database, found)
        result.taken = revocations.taken

        def line() -> str:
            counts, taken = found.counts, sum(map(len, revocations.taken.values()))
            return (
                f"   {counts['answers']} answers, {taken} revocations, {counts['asked again']} asked again; "
                f"{len(found.leaks)} leaks, {len(found.withheld)} wrongly withheld"
            )

        with Live(console=console, get_renderable=line, refresh_per_second=2, transient=True):
            rounds.run(plan.answers, Random(f"{plan.seed}/askers"))
            with load(dsn, changes, found):
                revocations.run(plan.revocations, Random(f"{plan.seed}/revocations"))
            askers = Askers(Random(f"{plan.seed}/last"), changes.world)
            rounds.ask([askers.next() for _ in range(LAST_QUESTIONS)])
