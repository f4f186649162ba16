"""The index as it was: the best of what was current then, whatever is left out, and never what is not permitted now."""

from dataclasses import replace

import pytest
from history_contract import past
from store_contract import access, direction, version

from index.memory import MemoryStore
from index.memory_history import MemoryHistory
from index.store import Found, Version, Within
from query.history.then import IndexThen
from schemas.errors import AsOfUnavailable
from schemas.label import LabelId


def current(name: str, text: str, commit_ms: int, label: int = 1) -> Version:
    made = version("s", name, commit_ms, [text], label)
    return replace(made, rows=tuple(replace(row, commit_ms=commit_ms) for row in made.rows))


class Stage:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.history = MemoryHistory(self.store)

    def then(self, ms: int) -> IndexThen:
        return IndexThen(self.store, self.history, ms)

    def texts(self, ms: int, limit: int = 100, within: Within | None = None) -> list[str]:
        hits = self.then(ms).search(direction(3), access("s"), limit, within or Within())
        return [hit.row.text for hit in hits]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_version_is_found_wherever_it_is_and_only_once(stage: Stage) -> None:
    stage.history.keep(past(version("s", "r", 1, ["old"]), 10, 20))
    stage.store.write([current("r", "old", 10)])
    assert [stage.texts(ms) for ms in (9, 15, 25)] == [[], ["old"], ["old"]]
    stage.store.write([current("r", "new", 20)])
    assert [stage.texts(ms) for ms in (15, 25)] == [["old"], ["new"]]


def test_a_version_whose_record_is_gone_is_not_shown_although_it_is_still_kept(stage: Stage) -> None:
    stage.history.keep(past(version("s", "r", 1, ["old"]), 10, 20))
    assert stage.texts(15) == []


def test_who_may_see_a_version_is_what_the_index_says_of_its_record_now(stage: Stage) -> None:
    stage.history.keep(past(version("s", "r", 1, ["old"], label=1), 10, 20))
    stage.store.write([current("r", "new", 20, label=2)])
    assert stage.texts(15) == []
    hits = stage.then(15).search(direction(3), access("s", 1, 2), 10)
    assert [(hit.row.text, hit.row.label) for hit in hits] == [("old", LabelId(2))]


def test_a_chunk_of_an_older_version_that_a_half_written_one_left_is_not_mixed_in(stage: Stage) -> None:
    """The index was read before a record moved on twice, the history after."""
    stage.store.write([current("r", "first", 10)])
    before = stage.then(25)._store.search(direction(3), access("s"), 10, Within(committed_by=25))
    stage.history.keep(past(version("s", "r", 1, ["first"]), 10, 20))
    stage.history.keep(past(version("s", "r", 2, ["second"]), 20, 30))
    stage.store.write([current("r", "third", 30)])

    class Late(MemoryStore):
        def search(self, *_: object) -> list[Found]:  # type: ignore[override]
            return before

    hits = IndexThen(Late(), stage.history, 25).search(direction(3), access("s"), 10)
    assert [hit.row.text for hit in hits] == ["second"]


def test_what_is_left_out_makes_room_for_what_comes_next(stage: Stage) -> None:
    for n in range(1, 60):
        name = str(n)
        stage.history.keep(past(version("s", name, 1, ["x" * n]), 10, 20))
        if n % 10 == 0:
            stage.store.write([current(name, "new", 20)])
    all_of_then = ["x" * n for n in range(10, 60, 10)]
    assert sorted(stage.texts(15, limit=5)) == all_of_then
    best = stage.texts(15, limit=5)
    assert [stage.texts(15, limit=n) for n in range(1, 5)] == [best[:n] for n in range(1, 5)]


def test_more_than_can_be_compared_is_refused_instead_of_answered_wrongly(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.history.then.MOST_FETCHED", 8)
    for n in range(1, 60):
        stage.history.keep(past(version("s", str(n), 1, ["x" * n]), 10, 20))
    with pytest.raises(AsOfUnavailable, match="fewer sources"):
        stage.texts(15, limit=2)


def test_a_question_is_narrowed_in_the_past_as_it_is_now(stage: Stage) -> None:
    stage.history.keep(past(version("s", "a", 1, ["old a"]), 10, 20))
    stage.store.write([current("a", "new a", 20), current("b", "b", 5)])
    among = frozenset({version("s", "a", 1, ["x"]).rows[0].chunk_id})
    assert stage.texts(15, within=Within(among=among)) == ["old a"]
    assert stage.texts(15, within=Within(committed_by=7)) == ["b"]


def test_words_of_past_versions_count_and_are_found(stage: Stage) -> None:
    stage.history.keep(past(version("s", "a", 1, ["a walrus"]), 10, 20))
    stage.store.write([current("a", "a zebra", 20), current("b", "a lion and a walrus", 5)])
    then = stage.then(15)
    hits = then.search_words(then.weigh_words("walrus zebra", access("s")), access("s"), 10)
    assert sorted(hit.row.text for hit in hits) == ["a lion and a walrus", "a walrus"]
    only_past = IndexThen(MemoryStore(), stage.history, 15).weigh_words("walrus", access("s"))
    assert len(only_past) == 1
