"""What all benches share: turns, ratios, results that come back as they were kept, and a page that keeps the rest."""

import json

import pytest

from bench.common.page import Section, replaced, show, table
from bench.common.registry import BENCHES
from bench.common.result import Bar, Result
from bench.common.rounds import interleaved, percentile, ratio, spread


def test_every_other_round_goes_in_the_reverse_order_after_the_warm_up():
    went = []
    runs = {name: lambda name=name: went.append(name) or len(went) for name in ("a", "b")}
    outcomes = interleaved(runs, rounds=3, warm_up=lambda: went.append("warm"))
    assert went == ["warm", "a", "b", "b", "a", "a", "b"]
    assert outcomes == {"a": [2, 5, 6], "b": [3, 4, 7]}


def test_a_ratio_is_the_median_of_the_rounds_so_a_slow_round_does_not_count():
    assert ratio([10, 1, 20], [5, 0.5, 2]) == 2.0
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "low": 1.0, "high": 3.0}


@pytest.mark.parametrize(("percent", "right"), [(0, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent, right):
    assert percentile([*range(100, 0, -1)], percent) == right


def result(**ratios):
    bars = {"speed": Bar.at_least(2.0), "waste": Bar.at_most(1.05)}
    return Result("what", {"seed": 6}, ratios, {"ms": {"p50": 1.5}}, bars, {"cpus": 2}, {"old": 1})


def test_a_result_comes_back_as_it_was_kept_and_its_ratios_are_found_where_readers_look(tmp_path):
    kept = result(speed=2.5, waste=1.2)
    kept.write("x", tmp_path)
    assert Result.read("x", tmp_path) == kept
    assert Result.read("y", tmp_path) is None
    told = json.loads((tmp_path / "x.json").read_text())
    assert told["ratios"] == {"speed": 2.5, "waste": 1.2}
    assert told["bars"]["waste"] == {"least": None, "most": 1.05, "holds": False}
    assert told["old"] == 1


def test_only_bars_that_are_not_reached_are_named():
    assert result(speed=2.0, waste=1.05).missed == []
    assert result(speed=1.9, waste=1.06).missed == ["speed: 1.9, not ≥ 2", "waste: 1.06, not ≤ 1.05"]


def test_a_bench_changes_its_own_part_of_the_page_and_nothing_else():
    page = "# A\n<!-- bench:x -->old<!-- /bench:x -->\nby hand\n<!-- bench:xy -->kept<!-- /bench:xy -->\n"
    assert replaced(page, "x", "new \\1") == page.replace("old", "\n\nnew \\1\n\n")
    with pytest.raises(ValueError, match="bench:z"):
        replaced(page, "z", "new")


def test_a_section_without_plots_needs_no_plotting(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- bench:x --><!-- /bench:x -->")
    show("x", Section("text"), page)
    show("x", Section("other"), page)
    assert page.read_text() == "<!-- bench:x -->\n\nother\n\n<!-- /bench:x -->"


def test_a_table_has_figures_to_the_right():
    assert (
        table(["name", "ms"], [["a", 1.23456], ["b", 12]]) == "| name | ms |\n| --- | ---: |\n| a | 1.23 |\n| b | 12 |"
    )


def test_a_large_figure_is_written_out_and_no_text_ends_its_cell():
    assert table(["what"], [[1310.4], [66.25], ["it shows 'a | b'\nand more"]]).splitlines()[2:] == [
        "| 1,310 |",
        "| 66.2 |",
        "| it shows 'a \\| b' and more |",
    ]


def test_bars_stand_above_what_a_bench_shows(monkeypatch):
    class Module:
        section = staticmethod(lambda _: Section("below"))

    monkeypatch.setattr(type(BENCHES["ingest-new"]), "load", lambda _: Module)
    shown = BENCHES["ingest-new"].section(result(speed=2.0, waste=1.0)).markdown
    assert shown.splitlines()[2:] == ["| speed | 2 | ≥ 2 | yes |", "| waste | 1 | ≤ 1.05 | yes |", "", "below"]
