"""Verify's progress on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from streams.verify.check import Advance
from streams.verify.run import Step


@contextmanager
def steps(console: Console) -> Iterator[Step]:
    """A bar for each step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:

        def step(what: str, total: int | None) -> Advance:
            task = progress.add_task(what, total=total)
            return lambda number: progress.advance(task, number)

        yield step
