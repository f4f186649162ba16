"""The decision log for people: tables of records, the words of a report."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from query.decisions.entry import Entry
from query.decisions.verify import Report

MOST_FINDINGS = 20


def records_view(found: Iterable[Entry]) -> RenderableType:
    """A line for each record, without what it says."""
    table = Table("entry", "id", "kind", "at (UTC)", "tenant", "status", "rows", "payload")
    for entry in found:
        envelope = entry.opened()
        kept = "kept" if entry.payload else "erased" if envelope.payload_hash else "—"
        at = datetime.fromtimestamp(envelope.at_ms / 1000, UTC).isoformat(sep=" ", timespec="seconds")[:19]
        said = (str(entry.sequence), envelope.id, envelope.kind, at, envelope.tenant, envelope.status)
        table.add_row(*map(Text, said), str(envelope.rows or "—"), kept)
    return table


def report_text(report: Report, witnesses: Iterable[str]) -> Text:
    """What was found; the first bad entry first."""
    counts = f"{report.records} records ({report.erased} erased), {report.heads} signed heads"
    compared = f"compared with: {', '.join(witnesses) or 'nothing kept elsewhere, so a cut tail would not show'}"
    if report.clean:
        return Text.assemble(("The log is as it was written: ", "green"), f"{counts}; root {report.root}\n{compared}")
    lines = [f"entry {finding.sequence}: {finding.what}: {finding.detail}" for finding in report.findings]
    more = [f"and {len(lines) - MOST_FINDINGS} more"] if len(lines) > MOST_FINDINGS else []
    said = "\n".join([*lines[:MOST_FINDINGS], *more])
    return Text.assemble(("The log is not as it was written. ", "red"), f"{counts}\n{said}\n{compared}")
