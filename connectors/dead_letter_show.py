"""Dead letters for people, and as JSON for programs. Whatever they hold is safe to print."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from rich.text import Text

from connectors.dead_letter_text import one_line, pretty
from connectors.dead_letters import Entry, Progress
from connectors.redrive import Done, Planned
from schemas.dead_letter import DeadLetter

MOST_LISTED = 20
"""Letters named one by one."""


@contextmanager
def reading(console: Console, what: str) -> Iterator[Progress]:
    """A progress bar that is gone when the work is done; nothing where the console is no terminal."""
    columns = (TextColumn(f"   {what}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ProgressBar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def letters_view(entries: Sequence[Entry], limit: int) -> Group:
    """The newest letters, and how many there are of each reason."""
    more = f" ({len(entries) - limit} older ones are not shown)" if len(entries) > limit else ""
    counts = Text(counts_line(entries) + more)
    return Group(*letter_lines(entries[-limit:]), counts)


def letter_lines(entries: Sequence[Entry]) -> Iterator[Text]:
    """Three lines a letter, each whole: its id, which names it to `show`, `redrive` and `drop`; what it is of; why."""
    for entry in entries:
        yield Text(one_line(entry.id), "bold cyan")
        of = " · ".join(filter(None, (when(entry.at_ms), entry.source, entry.table, entry.key)))
        yield Text(f"   {one_line(of)}", "dim")
        yield Text.assemble("   ", (entry.reason, "red"), f": {one_line(entry.message)}")


def counts_line(entries: Sequence[Entry]) -> str:
    """`3 dead letters: 2 no_permission, 1 malformed_event`; the most frequent reason first."""
    reasons = Counter(entry.reason for entry in entries)
    each = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda r: (-r[1], r[0])))
    return f"{counted(len(entries))}{': ' + each if each else ''}"


def counted(count: int) -> str:
    """`1 dead letter`, `2 dead letters`."""
    return "1 dead letter" if count == 1 else f"{count} dead letters"


def as_json(entry: Entry) -> str:
    """A letter as one line of JSON. `at` is ISO, UTC; `bytes` the size of the original value, null where it was
    too large to keep."""
    return json.dumps(
        {
            "id": entry.id,
            "at": when(entry.at_ms),
            "source": entry.source,
            "table": entry.table,
            "key": entry.key,
            "reason": entry.reason,
            "message": entry.message,
            "bytes": entry.size,
        },
        ensure_ascii=False,
    )


def letter_text(letter: DeadLetter) -> str:
    """All of a letter, laid out; a very long value is cut."""
    return "\n".join((*_lines(letter), ""))


def plan_text(planned: Planned) -> Text:
    """What a redrive would do, and what it leaves."""
    lines = [f"to redrive: {counts_line(planned.letters)}"]
    if planned.others:
        lines.append(f"   {len(planned.others)} of them because they are of the same records; order is kept by record:")
        lines += [f"      {entry.id}" for entry in planned.others[:MOST_LISTED]]
    if planned.expired:
        lines.append(f"left: {counts_line(planned.expired)}")
        lines.append("   Kafka no longer holds all that came after them, so newer versions could be lost.")
        lines.append("   Change their rows in the source (any UPDATE), then drop the letters:")
        lines += [f"      {entry.id}" for entry in planned.expired[:MOST_LISTED]]
    return Text("\n".join(lines))


def done_text(done: Done) -> Text:
    """What a redrive did."""
    events = "1 newer event" if done.newer == 1 else f"{done.newer} newer events"
    newer = f", and {events} of their records after them" if done.newer else ""
    return Text(f"Redriven: {counted(done.letters)}{newer}. What is rejected again is a new letter.", "green")


def when(at_ms: int) -> str:
    """`2026-11-23T09:30:00Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _lines(letter: DeadLetter) -> Iterator[str]:
    origin = letter.origin
    yield f"id       {one_line(f'{origin.topic}/{origin.partition}/{origin.offset}')}"
    yield f"origin   topic {one_line(origin.topic)}, partition {origin.partition}, offset {origin.offset}"
    yield f"when     {when(letter.at_ms)}"
    yield f"source   {one_line(letter.source) or '(unknown)'}"
    yield f"table    {one_line(letter.table) or '(unknown)'}"
    yield f"reason   {letter.reason}"
    yield f"message  {one_line(letter.message)}"
    for name, header in letter.headers:
        yield f"header   {one_line(name)}: {one_line(header.decode(errors='backslashreplace'))}"
    yield f"\nkey\n{pretty(letter.key)}"
    size = "" if letter.value is None else f" ({len(letter.value):,} bytes)"
    value = "(too large to keep, and no longer at its origin)" if letter.left_out else pretty(letter.value)
    yield f"\nvalue{size}\n{value}"
