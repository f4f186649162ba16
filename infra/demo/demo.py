"""The demo: the whole way from a committed row to a permitted, fresh answer, shown step by step."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from infra.demo import steps
from infra.demo.steps import Stage, percentile
from schemas.answer import Answer, SourceStatus

SNAPSHOT_PATIENCE_S = 600.0
SAMPLES = 50


class Record:
    """What `.freshline/demo.json` says. Written after each step, so that a failed run tells how far it came."""

    def __init__(self, file: Path, console: Console) -> None:
        self._file = file
        self._console = console
        self._steps: list[dict[str, Any]] = []
        self.commit_to_answer: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """Announce, time and record one step; whatever it raises is recorded as not ok and passed on."""
        self._console.print(f"\n[bold cyan]{len(self._steps) + 1}. {title}[/]")
        began, ok = time.monotonic(), False
        try:
            yield
            ok = True
        finally:
            self._steps.append({"name": name, "ok": ok, "ms": round((time.monotonic() - began) * 1000, 1)})
            self.write(ok=False)

    def write(self, ok: bool) -> None:
        content = {"ok": ok, "steps": self._steps, "commit_to_answer_ms": self.commit_to_answer}
        self._file.write_text(json.dumps(content, indent=2) + "\n")


@dataclass(frozen=True)
class Show:
    """How answers and freshness look to people."""

    answer: Callable[[str, str, Answer, int], RenderableType]
    """(question, person, answer, how many hits)"""
    freshness: Callable[[list[SourceStatus]], RenderableType]


def play(record: Record, start: Callable[[], AbstractContextManager[Stage]], show: Show, console: Console) -> None:
    """Play all steps. `start` brings everything up. Raises what the first wrong step raises."""
    with ExitStack() as open_things:
        with record.step("up", "Start PostgreSQL, Kafka, Kafka Connect, Milvus, the stream job and the API"):
            began_ms = time.time_ns() // 1_000_000
            stage = open_things.enter_context(start())
        _play_on(stage, began_ms, record, show, console)
    record.write(ok=True)


def _play_on(stage: Stage, began_ms: int, record: Record, show: Show, console: Console) -> None:
    with record.step("snapshot", "The sample company becomes searchable"):
        await_searchable(stage, began_ms, console)
    with record.step("permissions", "One question, two people of different teams"):
        for person, answer in steps.two_answers(stage).items():
            console.print(show.answer(stage.company.story.two_answers.question, person, answer, 2))
    with record.step("update", "UPDATE a ticket: its new text is the best answer"):
        hit, ms = steps.update(stage)
        console.print(f"   [green]{ms:.0f} ms[/] from commit to answer: {hit.text[:100]}…")
        record.commit_to_answer = measure(stage, SAMPLES, console)
    with record.step("revoke", "Remove a member from a team: the hit is gone for her"):
        ms = steps.leave_team(stage)
        console.print(f"   [green]{ms:.0f} ms[/] from commit to the first answer without it")
    with record.step("delete", "DELETE a ticket: it is gone"):
        ms = steps.delete(stage)
        console.print(f"   [green]{ms:.0f} ms[/] from commit to the first answer without it")
    with record.step("freshness", "How fresh each source is now"):
        console.print(show.freshness(stage.product.freshness()))
    with record.step("next", "How to go on"):
        console.print(_NEXT)


def measure(stage: Stage, count: int, console: Console) -> dict[str, float]:
    """Sample `count` single updates and print their percentiles, in milliseconds."""
    with _bar(console, "single updates", count) as progress:
        taken = steps.sample(stage, count, progress)
    found = {"n": count, "p50": round(percentile(taken, 0.5), 1), "p99": round(percentile(taken, 0.99), 1)}
    console.print(
        f"   commit to answer over {count} single updates: "
        f"p50 [green]{found['p50']:.0f} ms[/], p99 [green]{found['p99']:.0f} ms[/]"
    )
    return found


def await_searchable(stage: Stage, began_ms: int, console: Console, strict: bool = True) -> None:
    """Wait, with a progress bar, until all committed up to `began_ms` is searchable; print how fast it went.

    Rows that are not searchable then are a warning, or StepFailed where `strict`.
    """
    total = steps.rows_in(stage)
    began, before = time.monotonic(), stage.product.searchable()
    with _bar(console, "records", total) as progress:
        there = steps.settled(stage, began_ms, progress, SNAPSHOT_PATIENCE_S)
        progress(there)
    seconds = time.monotonic() - began
    if there != total:
        words = _not_all(there, total)
        if strict:
            raise steps.StepFailed(words)
        console.print(Text(f"   {words}", "yellow"), soft_wrap=True)
    elif there > before:
        console.print(f"   {there - before} records in {seconds:.1f} s: {(there - before) / seconds:.0f} a second")
    else:
        console.print(f"   all {there} records were there already")


def _not_all(there: int, total: int) -> str:
    if there > total:
        return f"{there} records are searchable, but there are {total} rows: see freshline sources status"
    return (
        f"{total - there} of {total} rows are not searchable: those without text, and those that could not be applied; "
        "see which and why: freshline dead-letters list"
    )


@contextmanager
def _bar(console: Console, what: str, total: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn(f"   {what}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)


_NEXT = """\
   It keeps running. Ask as anybody (alice, bob, carol, dave, …):
     [bold]freshline ask "Which invoices are overdue?" --as alice[/]
   See each source's snapshot, lag and dead letters:
     [bold]freshline sources status[/]
   Add a source: one YAML file in connectors/sources/, then
     [bold]freshline sources validate && freshline sources plan && freshline sources apply[/]
   Stop everything:
     [bold]make down[/]"""
