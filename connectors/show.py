"""The state of the sources as a table for people."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from connectors.status import SourceReport


def status_table(reports: Sequence[SourceReport]) -> Group:
    """A source a row; below, what needs a look."""
    table = Table("source", "connector", "snapshot", "raw backlog", "changes backlog", "lag", "dead letters")
    for report in reports:
        running = report.connector.running
        snapshot = report.snapshot
        expected = "?" if snapshot.rows_expected is None else str(snapshot.rows_expected)
        rows = f"{snapshot.rows_read}/{expected} rows"
        table.add_row(
            report.source,
            f"[green]{report.connector.state}[/]" if running else f"[red]{report.connector.state}[/]",
            "done" if snapshot.state == "done" else f"{snapshot.state}, {rows}",
            str(report.raw_backlog),
            str(report.changes_backlog),
            "unknown" if report.lag_ms is None else f"{report.lag_ms / 1000:.1f} s",
            f"[red]{report.dead_letters}[/]" if report.dead_letters else "0",
        )
    return Group(table, *(line for report in reports for line in _troubles(report)))


def _troubles(report: SourceReport) -> Iterator[Text]:
    """What is wrong with a source, a line each, with what to do."""
    for state in report.stopped:
        when = datetime.fromtimestamp(state.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        yield Text(f"{report.source} {state.table} stopped at {when}: {state.reason}", style="red")
        yield Text("  correct its contract, or: freshline sources resume " + f"{report.source} {state.table}")
    for error in report.connector.errors:
        yield Text(f"{report.source}: {error[:300]}", style="red")
