"""Answers and freshness for people: nothing is cut or squeezed, and piped there is no escape code in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from connectors.dead_letter_text import clip, one_line
from schemas.answer import Answer, Hit, SourceStatus

COLOURS = {"fresh": "green", "late": "yellow", "unknown": "red", "withheld": "red"}
MOST_TEXT = 240
"""Characters shown of a hit's text."""


def answer_view(question: str, person: str, answer: Answer, rows: int = 10) -> Group:
    """The best `rows` hits: of each a line with its figures, then what it says and why it is visible."""
    head = Text.assemble((f"{one_line(person)}: ", "bold cyan"), (one_line(question), "bold"))
    if not answer.hits:
        return Group(head, Text("   nothing that may be shown matches", "yellow"))
    legend = Text("   score = relevance × freshness · age · record", "dim")
    return Group(head, legend, *(part for rank, hit in enumerate(answer.hits[:rows], 1) for part in _hit(rank, hit)))


def freshness_view(statuses: list[SourceStatus]) -> Group:
    """A source a row: its state, up to when it is searchable, how far that is behind; details below."""
    table = Table("source", "state", "searchable up to (UTC)", "lag", "SLO")
    for status in statuses:
        table.add_row(
            Text(status.source),
            Text(status.state, COLOURS[status.state]),
            "—" if status.watermark_ms is None else moment(status.watermark_ms),
            "—" if status.lag_ms is None else age(status.lag_ms),
            age(status.slo_ms),
        )
    details = [Text(f"{s.source}: {one_line(s.detail)}", COLOURS[s.state]) for s in statuses if s.detail]
    return Group(table, *details)


def moment(ms: int) -> str:
    """A time (ms since 1970) as UTC text with milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def age(ms: int) -> str:
    """A duration in the unit that reads best."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if ms >= size:
            return f"{ms / size:.1f} {unit}"
    return f"{ms} ms"


def _hit(rank: int, hit: Hit) -> Iterator[RenderableType]:
    yield Rule(style="dim")
    score = Text.assemble((f"{rank:>2} ", "bold"), (f"{hit.score:.3f}", "bold green"))
    figures = f" = {hit.relevance:.3f} × {hit.freshness:.3f} · {age(hit.age_ms)} · "
    yield score + Text.assemble((figures, "dim"), (one_line(hit.record_id), "cyan"))
    if hit.title:
        yield _Indented(Text(one_line(hit.title), "bold"))
    yield _Indented(Text(clip(one_line(hit.text), MOST_TEXT)))
    yield _Indented(Text(f"visible by {one_line(' → '.join(hit.why))}", "dim"))


@dataclass(frozen=True)
class _Indented:
    """Text set in by three columns, also where it is broken into lines; where lines are kept whole, once."""

    text: Text

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        yield Text("   ") + self.text if options.no_wrap else Padding(self.text, (0, 0, 0, 3))
