"""The state of the sources for people: a table, and below it, whole, what needs a look."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from connectors.plan import Step
from connectors.status import Snapshot, SourceReport, Status

ACTIONS = {"create": "green", "update": "yellow", "remove": "red", "refuse": "red"}


def status_view(status: Status) -> Group:
    """A source a row; below, what is wrong and what to do."""
    table = Table("source", "connector", "snapshot", "raw\nbacklog", "changes\nbacklog", "lag", "dead\nletters")
    for report in status.sources:
        state = report.connector.worst
        table.add_row(
            Text(report.source),
            Text(state, "green" if report.connector.running else "red"),
            _snapshot(report.snapshot),
            str(report.raw_backlog),
            str(report.changes_backlog),
            "unknown" if report.lag_ms is None else f"{report.lag_ms / 1000:.1f} s",
            Text(str(report.dead_letters), "red" if report.dead_letters else ""),
        )
    troubles = [line for report in status.sources for line in _troubles(report)]
    return Group(table, *troubles, *_strays(status))


def plan_view(steps: Sequence[Step]) -> Group:
    """A step a line; what does not change comes last, in short."""
    lines = [
        Text.assemble((f"{step.action:<7}", ACTIONS[step.action]), f" {step.kind} {step.name}: {step.detail}")
        for step in steps
        if step.action != "unchanged"
    ]
    same = [step for step in steps if step.action == "unchanged"]
    kept = [Text(f"  {step.kind} {step.name} {step.detail}", "dim") for step in same if step.detail]
    return Group(*lines, Text(f"{len(same)} topics and connectors are as they should be"), *kept)


def _snapshot(snapshot: Snapshot) -> str:
    if snapshot.state == "done":
        return "done"
    expected = "?" if snapshot.rows_expected is None else str(snapshot.rows_expected)
    return f"{snapshot.state}\n{snapshot.rows_read}/{expected} rows"


def _troubles(report: SourceReport) -> Iterator[Text]:
    """What is wrong with a source, a line each, with what to do."""
    source = report.source
    for state in report.stopped:
        when = datetime.fromtimestamp(state.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        yield Text(f"{source} {state.table} stopped at {when}: {state.reason}", style="red")
        yield Text(f"   correct its contract, or: freshline sources resume {source} {state.table}")
    for gap in report.not_logged:
        yield Text(f"{source} {gap}", style="red")
        yield Text(f"   then make good what was missed: freshline verify {source} --repair")
    for error in report.connector.errors:
        yield Text(f"{source}: {error}", style="red")
    if report.expired:
        yield Text(f"{source}: Kafka dropped {report.expired} messages before they were read; they are lost", "red")
        anew = f"freshline sources remove {source}, then freshline sources apply"
        yield Text(f"   read its tables anew: {anew}; rows whose delete was lost stay searchable")
    if report.dead_letters:
        yield Text(f"{source}: dead letters say why: freshline dead-letters list --source {source}")


def _strays(status: Status) -> Iterator[Text]:
    for source, count in status.strays.items():
        whose = f"source {source!r}, which has no contract" if source else "no known source"
        yield Text(f"dead letters of {whose}: {count}", "red")
    if status.strays:
        yield Text("   see them: freshline dead-letters list; take them away: freshline dead-letters drop")
