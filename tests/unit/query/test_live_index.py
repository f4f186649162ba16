"""Which generation answers: the live one, with its own model, loaded before it is needed."""

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from index.embedder import ModelSpec
from index.generations import Generation
from query.live_index import Index, LiveIndex
from schemas.errors import IndexUnavailable, Misconfigured

OLD, NEW = (ModelSpec(name=name, dimension=4, max_tokens=8, fingerprint="f") for name in ("old", "new"))


@dataclass
class Generations:
    there: dict[int, Generation] = field(default_factory=lambda: {1: Generation(1, OLD)})
    number: int | None = 1
    away: bool = False

    def live_number(self) -> int | None:
        if self.away:
            raise IndexUnavailable
        return self.number

    def get(self, number: int) -> Generation | None:
        return self.there.get(number)

    def all(self) -> list[Generation]:
        if self.away:
            raise IndexUnavailable
        return list(self.there.values())


class Stage:
    def __init__(self) -> None:
        self.generations = Generations()
        self.loaded: list[str] = []
        self.missing: set[str] = set()
        index = Index(
            self.generations,  # type: ignore[arg-type]
            lambda number: f"store {number}",  # type: ignore[arg-type, return-value]
            lambda number: f"history {number}",  # type: ignore[arg-type, return-value]
            self.load,
        )
        self.index = LiveIndex(index)

    def load(self, spec: ModelSpec) -> Any:
        if spec.name in self.missing:
            raise Misconfigured("run freshline models prepare")
        self.loaded.append(spec.name)
        return SimpleNamespace(spec=spec)

    def now(self) -> tuple[str, object]:
        live = self.index.now()
        return live.embedder.spec.name, live.store

    def look_ahead(self, times: int) -> None:
        answers = iter([False] * times + [True])
        self.index.look_ahead(SimpleNamespace(wait=lambda seconds: next(answers)))  # type: ignore[arg-type]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_each_question_gets_the_generation_that_is_live_then_with_its_own_model(stage: Stage) -> None:
    assert [stage.now(), stage.now()] == [("old", "store 1")] * 2
    stage.generations.there[2] = Generation(2, NEW)
    assert stage.now() == ("old", "store 1")
    stage.generations.number = 2
    assert stage.now() == ("new", "store 2")
    stage.generations.number = 1
    assert stage.now() == ("old", "store 1")
    assert stage.loaded == ["old", "new"]


def test_the_next_model_is_loaded_before_its_generation_is_live(stage: Stage) -> None:
    stage.now()
    stage.generations.there[2] = Generation(2, NEW)
    stage.look_ahead(2)
    assert stage.loaded == ["old", "new"]
    stage.generations.number = 2
    assert (stage.now(), stage.loaded) == (("new", "store 2"), ["old", "new"])


def test_a_model_that_no_generation_has_any_more_is_forgotten(stage: Stage) -> None:
    stage.generations.there[2] = Generation(2, NEW)
    stage.look_ahead(1)
    del stage.generations.there[2]
    stage.look_ahead(1)
    stage.generations.there[3] = Generation(3, NEW)
    stage.look_ahead(1)
    assert stage.loaded == ["old", "new", "new"]


def test_a_model_that_is_not_here_is_tried_once_ahead_and_refuses_questions_once_live(stage: Stage) -> None:
    stage.missing = {"new"}
    stage.generations.there[2] = Generation(2, NEW)
    stage.look_ahead(3)
    assert stage.now() == ("old", "store 1")
    stage.generations.number = 2
    with pytest.raises(IndexUnavailable, match="log says why"):
        stage.index.now()
    with pytest.raises(Misconfigured, match="models prepare"):
        stage.index.open()
    stage.missing = set()
    assert stage.now() == ("new", "store 2")


@pytest.mark.parametrize("changed", [{"number": None}, {"number": 7}, {"away": True}], ids=str)
def test_without_a_live_generation_or_the_server_the_index_is_away(stage: Stage, changed: dict[str, Any]) -> None:
    for name, value in changed.items():
        setattr(stage.generations, name, value)
    with pytest.raises(IndexUnavailable):
        stage.index.now()
    stage.look_ahead(1)


def test_many_questions_at_once_load_a_model_once(stage: Stage) -> None:
    begin = threading.Barrier(8)

    def ask() -> None:
        begin.wait(10)
        stage.now()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert stage.loaded == ["old"]


def test_what_was_live_last_is_given_at_once_and_what_is_live_now_is_asked(stage: Stage) -> None:
    assert stage.index.ahead()[0] is None
    first = stage.index.now()
    stage.generations.there[2] = Generation(2, NEW)
    stage.generations.number = 2
    last, now = stage.index.ahead()
    assert last is first
    assert now().embedder.spec.name == "new"
    assert stage.index.ahead()[0] is now()


def test_an_index_that_is_away_is_said_to_be_so_by_who_is_asked_and_not_before(stage: Stage) -> None:
    first = stage.index.now()
    stage.generations.away = True
    last, now = stage.index.ahead()
    assert last is first
    with pytest.raises(IndexUnavailable):
        now()
