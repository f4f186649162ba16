"""What the shell shows of the index's generations and of a rebuild."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.errors import FreshlineError
from schemas.settings import Settings
from streams import rebuild
from streams.indexes import Indexes


@contextmanager
def reading(console: Console) -> Iterator[rebuild.Progress]:
    """A progress bar over the messages of freshline.changes; it appears with the first."""
    columns = (TextColumn("   changes"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("changes", total=None, visible=False)
        yield lambda done, of: bar.update(task, completed=done, total=of, visible=True)


def generations_line(settings: Settings) -> str:
    """Which generation is live, and which others there are."""
    generations = Indexes(settings).generations
    try:
        live, there = generations.live(), generations.all()
    except FreshlineError as error:
        return f"index: {error}"
    if live is None:
        return "index: none yet" if not there else "index: no generation is live; run: freshline rebuild"
    others = [
        f"{one.number} {'is kept for --rollback' if one.fed is not None else 'is half built'}"
        for one in there
        if one.number != live.number
    ]
    return "; ".join([f"index: generation {live.number} is live ({live.model.name})", *others])
