"""The historian: since when the past is known, and that sources without history cost nothing."""

from dataclasses import dataclass, field

import pytest
from stream_stage import relabel, upsert

from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from index.memory_history import MemoryHistory
from schemas.change import Change
from schemas.contract import Contract
from schemas.errors import Rejected
from schemas.position import of_read
from streams.historian import Historian
from streams.indexes import retention_ms
from streams.indexing import Indexer

DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_001


@dataclass
class Stage:
    store: MemoryStore = field(default_factory=MemoryStore)
    keeping: tuple[str, ...] = ("helpdesk",)

    def __post_init__(self) -> None:
        self.history = MemoryHistory(self.store)
        self.historian = Historian(self.history, dict.fromkeys(self.keeping, DAY_MS), lambda: NOW_MS)
        self.indexer = Indexer(self.store, HashEmbedder(dimension=16), historian=self.historian)

    def apply(self, *changes: Change) -> int:
        """How many texts were embedded."""
        done = self.indexer.apply(changes)
        assert done.rejected == []
        return done.embedded

    def kept(self) -> list[tuple[str, int, int]]:
        """(text, from, until)"""
        return sorted((one.row.text, one.row.commit_ms, one.until_ms) for one in self.history.kept.values())


@pytest.fixture
def stage() -> Stage:
    return Stage()


def committed(change: Change, ms: int) -> Change:
    return change.model_copy(update={"commit_ms": ms})


def read(change: Change, offset: int = 1) -> Change:
    """As a snapshot read it."""
    return change.model_copy(update={"position": of_read(change.position, offset)})


def test_history_begins_a_little_after_its_first_writer_and_stays(stage: Stage) -> None:
    stage.historian.tend()
    assert stage.history.since() == {"helpdesk": 1_800_000_020_000}
    Historian(stage.history, {"helpdesk": DAY_MS}, lambda: NOW_MS + DAY_MS).tend()
    assert stage.history.since() == {"helpdesk": 1_800_000_020_000}


def test_a_source_whose_contract_no_longer_asks_for_history_has_none(stage: Stage) -> None:
    stage.historian.tend()
    stage.apply(upsert("1", 5, "one"), upsert("1", 6, "two"))
    assert len(stage.kept()) == 1
    Historian(stage.history, {}, lambda: NOW_MS).tend()
    assert (stage.history.since(), stage.kept()) == ({}, [])


def test_what_is_older_than_the_retention_goes(stage: Stage) -> None:
    old, now_ms = NOW_MS - DAY_MS - 1, NOW_MS
    stage.apply(committed(upsert("1", 5, "gone"), old - 10), committed(upsert("1", 6, "kept"), old))
    stage.apply(committed(upsert("1", 7, "current"), now_ms))
    stage.historian.tend()
    assert stage.kept() == [("kept", old, now_ms)]


def test_a_record_that_a_snapshot_found_moves_the_beginning_to_when_it_was_read(stage: Stage) -> None:
    stage.historian.tend()
    later = NOW_MS + 3_600_000
    stage.apply(read(committed(upsert("1", 5), later)))
    assert stage.history.since() == {"helpdesk": 1_800_003_610_000}


def test_a_record_that_a_snapshot_found_and_a_later_change_moved_on_counts_too(stage: Stage) -> None:
    later = NOW_MS + 3_600_000
    stage.apply(read(committed(upsert("1", 5), later)), committed(upsert("1", 6, "new"), later + 1))
    assert stage.history.since() == {"helpdesk": 1_800_003_610_000}


def test_a_snapshot_that_finds_what_is_known_moves_nothing(stage: Stage) -> None:
    stage.historian.tend()
    stage.apply(upsert("1", 5, "same"))
    stage.apply(read(committed(upsert("1", 6, "same"), NOW_MS + 3_600_000)))
    assert stage.history.since() == {"helpdesk": 1_800_000_020_000}
    assert [text for text, _, _ in stage.kept()] == ["same"]


def test_of_sources_without_history_nothing_is_kept_and_nothing_embedded_for_it() -> None:
    without = Stage(keeping=())
    assert without.apply(upsert("1", 5, "one"), upsert("1", 6, "two")) == 1
    assert (without.kept(), without.history.since()) == ([], {})


def test_versions_of_one_commit_leave_only_the_last(stage: Stage) -> None:
    changes = [committed(upsert("1", n, text), 100) for n, text in enumerate(["one", "two", "three"], 5)]
    stage.apply(*changes)
    stage.apply(committed(upsert("1", 9, "four"), 200))
    assert stage.kept() == [("three", 100, 200)]


def test_a_version_that_could_not_have_been_indexed_never_was_current(stage: Stage) -> None:
    bad = upsert("1", 6, "x").model_copy(update={"label": None})
    stage.apply(upsert("1", 5, "one"), bad, upsert("1", 7, "two"))
    assert [(text, until - since) for text, since, until in stage.kept()] == [("one", 2)]


def test_a_relabel_does_not_move_since_when_a_version_was_current(stage: Stage) -> None:
    stage.apply(committed(upsert("1", 5, "one"), 100))
    stage.apply(committed(relabel("1", 6, 8), 200))
    stage.apply(committed(upsert("1", 7, "two", 8), 300))
    assert stage.kept() == [("one", 100, 300)]


def test_a_version_that_the_history_refuses_does_not_stop_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    class Refusing(MemoryHistory):
        def keep(self, rows):  # type: ignore[no-untyped-def]
            if any(one.row.text == "bad" for one in rows):
                raise Rejected("index_refused", "no")
            super().keep(rows)

    stage = Stage()
    history = Refusing(stage.store)
    historian = Historian(history, {"helpdesk": DAY_MS}, lambda: NOW_MS)
    indexer = Indexer(stage.store, HashEmbedder(dimension=16), historian=historian)
    changes = [upsert(name, at, text) for at, (name, text) in enumerate([("1", "bad"), ("2", "good")], 5)]
    indexer.apply(changes)
    indexer.apply([upsert("1", 8, "new"), upsert("2", 9, "new")])
    assert [one.row.text for one in history.kept.values()] == ["good"]
    assert "helpdesk.tickets/1 cannot be kept" in caplog.text
    assert [rows[0].text for rows in stage.store.records.values()] == ["new", "new"]


def test_retention_is_what_the_contract_says() -> None:
    base = {"connector": {"plugin": "postgres", "config": "x.json"}, "tables": {"s.t": TABLE}}
    contracts = [
        Contract.model_validate({**base, "source": "kept", "freshness": {"history": "7d"}}),
        Contract.model_validate({**base, "source": "plain"}),
    ]
    assert retention_ms(contracts) == {"kept": 7 * DAY_MS}


TABLE = {"key": ["id"], "text": "{body}", "permissions": {"tenant": "acme", "readers": ["user:ann"]}}
