"""`freshline lag` for people: a source a row; below, whole, what needs a look."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from connectors.dead_letter_text import one_line
from query.freshness.lag import SourceLag
from query.show import COLOURS, age, moment

UNKNOWN = "—"
COLUMNS = {"source": True, "state": False, "searchable\nup to (UTC)": True} | dict.fromkeys(
    ("lag", "SLO", "rows", "current", "backlog", "dead\nletters"), False
)
"""Name -> whether its cells may take several lines, so that 80 columns hold all."""


def lag_view(sources: Sequence[SourceLag]) -> Group:
    """Nothing is cut; what is not known is a dash."""
    table = Table(box=SIMPLE_HEAD, padding=0)
    for name, wraps in COLUMNS.items():
        table.add_column(name, no_wrap=not wraps, overflow="fold")
    for source in sources:
        table.add_row(
            Text(source.source),
            Text(source.state, COLOURS[source.state]),
            UNKNOWN if source.watermark_ms is None else moment(source.watermark_ms),
            UNKNOWN if source.lag_ms is None else age(source.lag_ms),
            age(source.slo_ms),
            _number(source.rows),
            UNKNOWN if source.current_share is None else f"{source.current_share:.2%}",
            _number(source.backlog),
            Text(_number(source.dead_letters), "red" if source.dead_letters else ""),
        )
    return Group(table, *(line for source in sources for line in _details(source)))


def _details(source: SourceLag) -> Iterator[Text]:
    if source.detail:
        yield Text(f"{source.source}: {one_line(source.detail)}", COLOURS[source.state])
    if source.dead_letters_by_reason:
        reasons = ", ".join(f"{count} {reason}" for reason, count in source.dead_letters_by_reason.items())
        yield Text(f"{source.source}: dead letters: {reasons}; see freshline dead-letters list", "red")


def _number(number: int | None) -> str:
    return UNKNOWN if number is None else str(number)
