"""The top of the page: speed beside correctness, and no bar that was missed or not measured is passed over."""

from typing import Any

from bench.common.result import Bar, Result
from bench.ingest.new import LIMIT
from bench.summary import section

PLAIN, PATHWAY = "plain confluent-kafka loop", "Pathway"


def result(measured: dict[str, Any], **ratios: float) -> Result:
    return Result("what", {}, ratios, measured, {name: Bar.at_least(1.0) for name in ratios})


def rates(figure: str, **more: float) -> dict[str, Any]:
    known = {"Freshline": 1234.56, PLAIN: 35.89, **more}
    return {figure: {name: {"median": rate} for name, rate in known.items()}, "did_not_run": {PATHWAY: "no wheel"}}


def outcomes(*verdicts: str) -> dict[str, dict[str, str]]:
    return {f"case {number}": {"verdict": verdict, "what": ""} for number, verdict in enumerate(verdicts)}


def took(p50: float) -> dict[str, Any]:
    return {"total": {"p50": p50, "p99": 2 * p50}}


RESULTS = {
    "ingest-new": result(rates("chunks_per_second", **{LIMIT: 140.0}), speed=0.8),
    "ingest-mix": result(rates("changes_per_second"), speed=5.0),
    "freshness": result(
        {"rates": {"1": took(60), "20": took(84)}, "rivals": {"plain": took(266), "quix": {"did not run": "why"}}}
    ),
    "correctness": result(
        {
            "Freshline": outcomes("right", "right"),
            PLAIN: outcomes("right", "wrong"),
            PATHWAY: outcomes("crashed", "wrong"),
            f"{PATHWAY}, REPLICA IDENTITY FULL": outcomes("right", "wrong"),
        }
    ),
}


def lines(markdown: str) -> dict[str, list[str]]:
    """First cell -> the others, of all tables."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines() if line[:1] == "|"]
    return {cells[0]: cells[1:] for cells in rows}


def test_a_system_has_its_speed_and_what_it_gets_right_in_one_line() -> None:
    shown = lines(section(RESULTS).markdown)
    assert shown["Freshline"] == ["1,234.6", "1,235", "84 / 168", "2 of 2"]
    assert shown[PLAIN] == ["35.9", "36", "266 / 532", "1 of 2"]
    assert shown[LIMIT] == ["140.0", "–", "–", "–"]


def test_who_did_not_run_is_shown_as_such_and_a_second_try_beside_the_first() -> None:
    shown = lines(section(RESULTS).markdown)
    assert shown[PATHWAY] == ["did not run", "did not run", "–", "0 of 2; 1 of 2, REPLICA IDENTITY FULL"]
    assert shown["Quix Streams"] == ["–", "–", "did not run", "–"]


def test_what_is_missed_and_what_is_not_measured_is_said_plainly() -> None:
    markdown = section(RESULTS).markdown
    assert "**1 of 2 bars that were measured are reached.**" in markdown
    assert "- ingest-new: speed: 0.8, not ≥ 1" in markdown
    assert "Not measured yet: freshness, search, scale, correctness, ranking, authorize." in markdown
    assert "| ingest-new | speed | 0.8 | ≥ 1 | **no** |" in markdown


def test_without_any_result_every_system_is_still_named() -> None:
    assert lines(section({}).markdown)["Freshline"] == ["–"] * 4
