"""Waiting until the sample company is searchable: what is said of rows that are not."""

import io
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from infra.demo.demo import await_searchable
from infra.demo.steps import Stage, StepFailed, settled


class Product:
    """Everything is searchable up to now but for some rows."""

    def __init__(self, searchable: int, *states: str) -> None:
        self._searchable, self._states = searchable, iter(states)

    def searchable(self) -> int:
        return self._searchable

    def freshness(self) -> list[Any]:
        state = next(self._states, "fresh")
        return [SimpleNamespace(source="helpdesk", state=state, watermark_ms=time.time_ns() // 1_000_000)]


def stage(rows: int, searchable: int) -> Stage:
    database = SimpleNamespace(execute=lambda query: [(rows,)])
    return Stage(cast(Any, None), cast(Any, database), cast(Any, Product(searchable)), ["helpdesk.tickets"])


def test_up_warns_of_rows_that_are_not_searchable_and_says_where_to_look() -> None:
    console = Console(file=io.StringIO(), width=80)
    await_searchable(stage(10, 8), 1, console, strict=False)
    assert (
        "   2 of 10 rows are not searchable: those without text, and those that could not be applied; "
        "see which and why: freshline dead-letters list\n"
    ) in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("rows", "searchable", "words"), [(10, 8, "dead-letters list"), (8, 10, "sources status")])
def test_the_demo_stops_there_in_words(rows: int, searchable: int, words: str) -> None:
    with pytest.raises(StepFailed, match=words):
        await_searchable(stage(rows, searchable), 1, Console(file=io.StringIO()))


def test_all_rows_are_said_to_be_there() -> None:
    console = Console(file=io.StringIO(), width=80)
    await_searchable(stage(10, 10), 1, console)
    assert "all 10 records were there already" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_source_that_is_still_withheld_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("infra.demo.steps.time.sleep", pauses.append)
    product = cast(Any, Product(10, "withheld", "unknown", "late"))
    assert settled(Stage(cast(Any, None), cast(Any, None), product, []), 1, lambda done: None, 60) == 10
    assert len(pauses) == 2
