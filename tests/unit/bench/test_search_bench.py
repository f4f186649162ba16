"""The API beside its parts: who sees what, which chunks there are, and what is made of the times."""

from typing import Any

import numpy as np
import pytest

from bench.common.result import Bar, Result
from bench.retrieval.labelled import Text
from bench.search.company import LABELS, VISIBLE, asker, fill, labels
from bench.search.measure import compared, many_clients, one_client
from bench.search.page import BAR, UNEMBEDDED, WORST
from bench.search.run import ratios_of, section
from bench.search.texts import Corpus
from query.authorize import Grounds
from query.policies.gate import PolicyGate
from query.policies.vocabulary import Vocabulary
from query.view import PermissionView


class Counting:
    """A way that notes what it is asked."""

    def __init__(self, name: str, log: list[tuple[str, str]]) -> None:
        self.name, self.log = name, log

    def ask(self, question: str) -> int:
        self.log.append((self.name, question))
        return 1


@pytest.fixture
def corpus() -> Corpus:
    dice = np.random.default_rng(1)
    vectors = dice.standard_normal((5, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [label.id for label in labels()]
    return Corpus([Text(f"t{n}", f"title {n}", f"text {n}") for n in range(5)], vectors, ids, 10**12)


@pytest.mark.parametrize("percent", VISIBLE)
def test_each_asker_sees_its_percent_of_the_labels(percent: int) -> None:
    grounds = Grounds(PermissionView(), {}, PolicyGate(None, Vocabulary()), 15.0)
    fill(grounds)
    assert len(grounds.view.visible(asker(percent)).labels) == LABELS * percent // 100


def test_chunks_are_the_same_however_the_index_grows(corpus: Corpus) -> None:
    at_once = list(corpus.rows(0, 300, seed=6))
    in_parts = [*corpus.rows(0, 100, seed=6), *corpus.rows(100, 300, seed=6)]
    assert at_once == in_parts
    assert all((one.vector == other.vector).all() for one, other in zip(at_once, in_parts, strict=True))
    assert len({row.label for row in at_once}) == LABELS
    assert len({row.title for row in at_once}) == 300


def test_both_ways_are_asked_the_same_questions_one_right_after_the_other() -> None:
    log: list[tuple[str, str]] = []
    taken = one_client({name: Counting(name, log) for name in ("api", "parts")}, ["a", "b", "c", "d"], 4)
    assert {name: len(ms) for name, ms in taken.items()} == {"api": 4, "parts": 4}
    measured = log[-8:]
    assert [question for _, question in measured] == ["d", "d", "a", "a", "b", "b", "c", "c"]
    assert [name for name, _ in measured[:4]] == ["api", "parts", "parts", "api"]


def test_the_ratio_is_of_the_medians() -> None:
    found = compared({"api": [10.0, 12.0, 100.0], "parts": [8.0, 10.0, 9.0]})
    assert found["api / parts"] == round(12 / 9, 3)
    assert found["api_ms"] == {"p50": 12.0, "p99": 100.0, "asked": 3}


def test_several_clients_ask_again_until_the_turn_is_over_and_a_failure_is_not_hidden() -> None:
    log: list[tuple[str, str]] = []
    found = many_clients({name: lambda name=name: Counting(name, log) for name in ("api", "parts")}, ["a"], 3, 0.01)
    assert found["api_a_second"]["median"] > 0
    assert {name for name, _ in log} == {"api", "parts"}

    class Failing(Counting):
        def ask(self, question: str) -> int:
            raise RuntimeError("the API refused")

    with pytest.raises(RuntimeError, match="refused"):
        many_clients({"api": lambda: Failing("api", log), "parts": lambda: Counting("parts", log)}, ["a"], 2, 0.01)


def alone(ratio: float, api: float = 10.0) -> dict[str, Any]:
    return {
        "api_ms": {"p50": api, "p99": 20.0, "asked": 5},
        "parts_ms": {"p50": 7.0, "p99": 20.0, "asked": 5},
        "api_steps_ms": {"embed": 5.0, "retrieve": 3.0},
        "parts_steps_ms": {"embed": 5.0, "search": 2.0},
        "api / parts": ratio,
    }


def measured() -> dict[str, Any]:
    tails = {"p50": 10.0, "p99": 20.0, "asked": 5}
    crowd = {"api_ms": tails, "parts_ms": tails, "api_a_second": {"median": 5.0}, "parts_a_second": {"median": 6.0}}
    return {
        "1000": {
            "1 % visible, 1 client": alone(1.5),
            "1 % visible, 8 clients": crowd | {"throughput, api / parts": 0.833},
        },
        "20000": {"1 % visible, 1 client": alone(1.1, api=9.0), "10 % visible, 1 client": alone(1.2, api=11.0)},
    }


def test_the_bar_is_the_median_over_all_sizes_and_what_is_visible() -> None:
    ratios = ratios_of(measured())
    assert (ratios[BAR], ratios[WORST], ratios[f"{BAR}, 20,000 chunks"]) == (1.2, 1.5, 1.15)


def test_with_embedding_left_out_the_rest_of_the_api_stands_beside_one_search() -> None:
    assert ratios_of(measured())[UNEMBEDDED] == 2.5  # of 5 / 2, 4 / 2 and 6 / 2


def test_the_page_tells_the_worst_the_steps_and_what_several_clients_had() -> None:
    shown = section(Result("", {}, ratios_of(measured()), measured(), {BAR: Bar.at_most(1.15)})).markdown
    assert "the worst is 1.5." in shown
    assert "of 5 questions a line" in shown
    assert "| 20,000 | 10 % visible | 11 / 20 | 7 / 20 | 1.2 |" in shown
    assert "| 1,000 | 1 % visible | 5.0 | 3.0 | 0.0 | 0.0 | 0.0 | 0.0 | 0.0 | 2.0 | 5.0 | 2.0 |" in shown
    assert "| 1,000 | 1 % visible | 8 clients | 10 / 20 | 10 / 20 | 5 | 6 | 0.833 |" in shown


def test_the_plot_draws_the_limit_beside_the_parts() -> None:
    [plot] = section(Result("", {}, ratios_of(measured()), measured(), {BAR: Bar.at_most(1.15)})).plots
    axes = Axes()
    plot.draw(axes)
    assert axes.plotted["sum of its parts"] == [7.0] * 3
    assert axes.plotted["1.15 × its parts"] == pytest.approx([8.05] * 3)


class Axes:
    """Notes what is plotted, by its label."""

    def __init__(self) -> None:
        self.plotted: dict[str, list[float]] = {}

    def plot(self, names: list[str], values: list[float], *_: Any, label: str, **__: Any) -> None:
        self.plotted[label] = values

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None
