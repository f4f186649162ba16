"""Answers and freshness as tables for people."""

from datetime import UTC, datetime

from rich.table import Table

from schemas.answer import Answer, SourceStatus

COLOURS = {"fresh": "green", "late": "yellow", "unknown": "red", "withheld": "red"}


def answer_table(question: str, person: str, answer: Answer, rows: int = 10) -> Table:
    """The best `rows` hits, one a row."""
    table = Table(title=f"{person}: {question}", title_justify="left", title_style="bold", show_lines=True)
    for column in ("score", "similarity", "freshness", "age", "record", "text", "why visible"):
        table.add_column(column, justify="right" if column in ("score", "similarity", "freshness", "age") else "left")
    for hit in answer.hits[:rows]:
        title = f"[bold]{_plain(hit.title)}[/]\n" if hit.title else ""
        text = hit.text if len(hit.text) <= 240 else hit.text[:240] + "…"
        table.add_row(
            *(f"{value:.3f}" for value in (hit.score, hit.similarity, hit.freshness)),
            age(hit.age_ms),
            _plain(hit.record_id),
            title + _plain(text),
            _plain(" → ".join(hit.why)),
        )
    return table


def freshness_table(statuses: list[SourceStatus]) -> Table:
    """A source a row: its state, up to when it is searchable, how far that is behind."""
    table = Table("source", "state", "searchable up to (UTC)", "lag", "SLO", "detail")
    for status in statuses:
        table.add_row(
            status.source,
            f"[{COLOURS[status.state]}]{status.state}[/]",
            "—" if status.watermark_ms is None else moment(status.watermark_ms),
            "—" if status.lag_ms is None else age(status.lag_ms),
            age(status.slo_ms),
            _plain(status.detail),
        )
    return table


def moment(ms: int) -> str:
    """A time (ms since 1970) as UTC text with milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def age(ms: int) -> str:
    """A duration in the unit that reads best."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if ms >= size:
            return f"{ms / size:.1f} {unit}"
    return f"{ms} ms"


def _plain(text: str) -> str:
    """Text that Rich shows as it is: data is never markup."""
    return text.replace("[", "\\[")
