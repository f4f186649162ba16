"""`freshline lag`: each source as its last progress says, with what waits and what could not be applied."""

import io

import pytest
from rich.console import Console

from query.freshness.counts import Counts
from query.freshness.lag import Reads, SourceLag, lags, told_by, with_reasons
from query.freshness.show import lag_view
from schemas.position import Position
from schemas.progress import Progress

NOW = 1_800_000_000_000
PLACE = Position(f"{1:016x}.{0x1_0000_00AB:016x}.{0:08x}")


def progress(source: str, behind_s: float) -> Progress:
    at = NOW - round(behind_s * 1000)
    return Progress(source=source, watermark_ms=at, position=PLACE, measured_ms=at, grants={"freshline.labels": {0: 9}})


@pytest.fixture
def sources(company) -> list[SourceLag]:
    told = told_by(list(company.contracts.values()), {"helpdesk": progress("helpdesk", 0.5)}, 15, NOW)
    counts = {"helpdesk": Counts(10, 1, {"quality": 2, "no_permission": 1}), "wiki": Counts()}
    return [with_reasons(status, counts[status.source]) for status in told]


def test_each_source_is_told_as_far_as_it_is_known(sources: list[SourceLag]) -> None:
    helpdesk, wiki = sources
    assert (helpdesk.state, helpdesk.lag_ms, helpdesk.position) == ("fresh", 500, "1/AB")
    assert (helpdesk.rows, helpdesk.backlog, helpdesk.dead_letters, helpdesk.current_share) == (10, 1, 3, 0.6)
    assert helpdesk.dead_letters_by_reason == {"quality": 2, "no_permission": 1}
    assert (wiki.state, wiki.watermark_ms, wiki.rows, wiki.current_share) == ("unknown", None, None, None)


def test_the_table_shows_every_figure_and_names_the_dead_letters(sources: list[SourceLag]) -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(lag_view(sources), soft_wrap=True)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "500 ms" in shown
    assert "60.00%" in shown
    assert "helpdesk: dead letters: 2 quality, 1 no_permission" in shown
    assert "wiki: no watermark yet" in shown


def test_the_time_that_counting_takes_is_not_told_as_lag(company) -> None:
    clock = [NOW]

    def counted() -> dict[str, Counts]:
        clock[0] += 5_000
        return {source: Counts() for source in company.contracts}

    told = {source: progress(source, 0.5) for source in company.contracts}
    found = lags(list(company.contracts.values()), 15, Reads(lambda: told, counted, lambda: clock[0]))
    assert {(one.state, one.lag_ms) for one in found} == {("fresh", 500)}


def test_the_table_cuts_nothing_where_the_terminal_has_80_columns(sources: list[SourceLag]) -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(lag_view(sources))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    table = shown.split("helpdesk: dead letters")[0]
    assert all(
        word in table for word in ("searchable", "helpdesk", "unknown", "current", "backlog", "60.00%", "500 ms")
    )
