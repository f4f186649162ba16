"""`python -m bench`: what it runs, keeps and says."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bench import __main__ as command
from bench.common.page import PAGE as REAL_PAGE
from bench.common.page import Section
from bench.common.registry import BENCHES, Entry
from bench.common.result import Bar, Result
from schemas.errors import Unavailable

ROOT = Path(__file__).parents[3]
PAGE = "\n".join(
    [*(f"<!-- bench:{name} --><!-- /bench:{name} -->" for name in ("summary", "ranking", "search")), "by hand"]
)
SLOW = Result("what", {}, {"speed": 0.5}, {"ms": 3.0}, {"speed": Bar.at_least(1.0)}, {"cpus": 2})


class Module:
    """A bench that gives, or raises, what it is told to."""

    def __init__(self, outcome: Result | BaseException) -> None:
        self._outcome = outcome

    def run(self, _: object) -> Result:
        if isinstance(self._outcome, Result):
            return self._outcome
        raise self._outcome

    def section(self, result: Result) -> Section:
        return Section(f"took {result.measured['ms']} ms")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command with these benches instead of the real ones; results and page are in `tmp_path`."""
    page, results = tmp_path / "page.md", tmp_path / "results"
    page.write_text(PAGE)
    read, write = Result.read, Result.write
    monkeypatch.setattr(command, "show", partial(command.show, page=page))
    monkeypatch.setattr(Result, "read", partial(read, folder=results))
    monkeypatch.setattr(Result, "write", lambda result, name: write(result, name, results))

    def run(*arguments: str, **outcomes: Result | BaseException) -> int:
        entries = {name: Entry(name, "what") for name in outcomes}
        monkeypatch.setattr(command, "BENCHES", entries)
        monkeypatch.setattr("bench.summary.BENCHES", entries)
        monkeypatch.setattr(Entry, "load", lambda entry: Module(outcomes[entry.module]))
        return command.main(arguments)

    return run


@pytest.mark.parametrize("error", [Unavailable("Kafka", "is away"), KeyError("x"), SystemExit("no port")])
def test_a_bench_that_fails_keeps_no_other_from_running_and_the_command_fails(
    bench: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    assert bench("all", ranking=error, search=SLOW) == 1
    assert json.loads((tmp_path / "results" / "search.json").read_text())["ratios"] == {"speed": 0.5}
    said = capsys.readouterr().out
    assert "failed  ranking: " in said
    assert "not reached  search: speed: 0.5, not ≥ 1" in said


def test_a_result_is_shown_in_its_place_and_in_the_summary_and_a_missed_bar_is_no_failure(
    bench: Callable[..., int], tmp_path: Path
) -> None:
    assert bench("search", search=SLOW) == 0
    page = (tmp_path / "page.md").read_text()
    assert page.endswith("took 3.0 ms\n\n<!-- /bench:search -->\nby hand")
    assert "- search: speed: 0.5, not ≥ 1" in page


def test_a_quick_run_keeps_nothing(bench: Callable[..., int], tmp_path: Path) -> None:
    assert bench("search", "--quick", search=SLOW) == 0
    assert (tmp_path / "page.md").read_text() == PAGE
    assert not (tmp_path / "results").exists()


def test_a_result_of_an_older_form_is_named_and_the_rest_of_the_page_is_made(
    bench: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("all", ranking=Result("what", {}, {}, {"ms": 1}), search=SLOW) == 0
    (tmp_path / "results" / "ranking.json").write_text('{"ratios": {}, "ms": {}}')
    assert bench("page", ranking=SLOW, search=SLOW) == 1
    assert "ranking: what is kept is of an older form" in capsys.readouterr().out
    assert "took 3.0 ms" in (tmp_path / "page.md").read_text()


def test_every_bench_has_a_make_target_and_a_place_on_the_page() -> None:
    targets = re.search(r"^BENCHES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets is not None
    assert targets[1].split() == [*BENCHES]
    page = REAL_PAGE.read_text()
    assert [name for name in ("summary", *BENCHES) if f"<!-- /bench:{name} -->" not in page] == []
