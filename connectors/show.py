"""The state of the sources as a table for people."""

from collections.abc import Sequence

from rich.table import Table

from connectors.status import SourceReport


def status_table(reports: Sequence[SourceReport]) -> Table:
    """A source a row; what needs a look is red."""
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
        for error in report.connector.errors:
            table.add_row("", f"[red]{error[:200]}[/]")
    return table
