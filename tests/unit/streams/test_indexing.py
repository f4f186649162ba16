"""Indexing: newest wins, nothing is embedded twice, what is refused is set aside alone."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_stage import delete, upsert

from index.embedder import Vectors
from index.errors import UnusableText
from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from index.store import Held, Row, Version
from schemas.access import AccessFilter
from schemas.change import Change
from schemas.errors import IndexUnavailable, Rejected
from schemas.label import LabelId
from streams.indexing import Indexer

ALL = AccessFilter(frozenset({LabelId(7), LabelId(8)}), frozenset({"helpdesk"}))
ONE = "helpdesk/helpdesk.tickets/1"
LONG = "\n\n".join(
    f"Paragraph {n} tells of matter {n * 37} at some length, so that it stands alone." for n in range(40)
)


class Counting(HashEmbedder):
    """Remembers every text it embedded."""

    def __init__(self, max_tokens: int = 64) -> None:
        super().__init__(dimension=32, max_tokens=max_tokens)
        self.seen: list[str] = []

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.seen += texts
        return super().embed_passages(texts)


class Stage:
    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store, self.embedder = store or MemoryStore(), Counting()
        self.indexer = Indexer(self.store, self.embedder)

    def apply(self, *changes: Change) -> tuple[int, int, int, list[str]]:
        """(written, embedded, outdated, reasons)"""
        done = self.indexer.apply(changes)
        return done.written, done.embedded, done.outdated, [rejected.reason for _, rejected in done.rejected]

    def rows(self, name: str = "1") -> list[Row]:
        return list(self.store.held([f"helpdesk/helpdesk.tickets/{name}"])[f"helpdesk/helpdesk.tickets/{name}"].rows)

    def texts(self, name: str = "1") -> list[str]:
        return [row.text for row in self.rows(name)]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_record_is_written_as_its_change_says_and_is_found(stage: Stage) -> None:
    assert stage.apply(upsert("1", 5, "The printer is on fire.", title="Printer")) == (1, 1, 0, [])
    (row,) = stage.rows()
    change = upsert("1", 5)
    assert (row.record_id, row.source, row.table, row.key) == (ONE, "helpdesk", "helpdesk.tickets", '{"id": "1"}')
    assert (row.position, row.commit_ms, row.event_ms, row.label) == (
        change.position,
        change.commit_ms,
        change.event_ms,
        7,
    )
    assert (row.chunk, row.chunks, row.title, row.text) == (0, 1, "Printer", "The printer is on fire.")
    assert (row.url, row.metadata) == ("https://x.example", '{"status": "open"}')
    assert stage.embedder.seen == ["Printer\nThe printer is on fire."]
    (found,) = stage.store.search(stage.embedder.embed_question("printer fire"), ALL, 5)
    assert found.row.record_id == ONE


def test_unchanged_text_is_not_embedded_again_and_the_rest_is_new(stage: Stage) -> None:
    stage.apply(upsert("1", 5, "text"))
    before = stage.rows()[0].vector
    assert stage.apply(upsert("1", 6, "text", label=8, metadata={"status": "closed"})) == (1, 0, 0, [])
    (row,) = stage.rows()
    assert (row.label, row.metadata, row.position) == (8, '{"status": "closed"}', upsert("1", 6).position)
    assert np.array_equal(row.vector, before)


def test_a_permission_change_of_a_long_record_rewrites_every_label_without_embedding(stage: Stage) -> None:
    stage.apply(upsert("1", 5, LONG))
    assert len(stage.rows()) > 10
    assert stage.apply(upsert("1", 6, LONG, label=8))[:2] == (1, 0)
    assert {row.label for row in stage.rows()} == {8}


def test_of_a_long_text_only_what_changed_is_embedded(stage: Stage) -> None:
    stage.apply(upsert("1", 5, LONG))
    chunks = len(stage.rows())
    _, embedded, _, _ = stage.apply(upsert("1", 6, LONG.replace("matter 740 ", "matter seven hundred ")))
    assert 1 <= embedded <= 3 < chunks
    assert "matter seven hundred" in " ".join(stage.texts())
    assert "matter 740" not in " ".join(stage.texts())


def test_a_text_that_occurs_twice_in_a_batch_is_embedded_once(stage: Stage) -> None:
    assert stage.apply(upsert("1", 5, "same"), upsert("2", 6, "same")) == (2, 1, 0, [])


def test_a_new_title_is_part_of_what_is_embedded(stage: Stage) -> None:
    stage.apply(upsert("1", 5, "text", title="Old"))
    assert stage.apply(upsert("1", 6, "text", title="New"))[:2] == (1, 1)


def test_a_very_long_title_is_shown_whole_and_leaves_room_for_the_text(stage: Stage) -> None:
    title = "An endless title " * 200
    assert stage.apply(upsert("1", 5, LONG, title=title))[3] == []
    assert {row.title for row in stage.rows()} == {title}
    assert all(text.startswith("An endless title An endless") for text in stage.embedder.seen)
    assert stage.embedder.seen[0].split("\n", 1)[1] == stage.texts()[0]


def test_a_title_without_text_is_what_is_searched(stage: Stage) -> None:
    assert stage.apply(upsert("1", 5, "", title="Only a title"))[:2] == (1, 1)
    assert stage.texts() == ["Only a title"]


def test_older_never_wins_in_a_batch_nor_across_batches(stage: Stage) -> None:
    assert stage.apply(upsert("1", 9, "new"), upsert("1", 5, "old")) == (1, 1, 1, [])
    assert stage.apply(upsert("1", 8, "older")) == (0, 0, 1, [])
    assert stage.texts() == ["new"]


def test_a_deleted_record_is_gone_and_an_older_version_does_not_bring_it_back(stage: Stage) -> None:
    stage.apply(upsert("1", 5, LONG))
    assert stage.apply(delete("1", 9)) == (1, 0, 0, [])
    assert stage.apply(upsert("1", 8, "old")) == (0, 0, 1, [])
    assert stage.rows() == []
    assert stage.store.search(stage.embedder.embed_question("matter"), ALL, 5) == []


def test_an_unknown_record_deleted_first_stays_deleted(stage: Stage) -> None:
    stage.apply(delete("1", 9))
    assert stage.apply(upsert("1", 8, "late")) == (0, 0, 1, [])
    assert stage.rows() == []


def test_a_newer_version_brings_a_deleted_record_back_and_an_older_delete_does_not_take_it(stage: Stage) -> None:
    stage.apply(upsert("1", 5, "first"), delete("1", 6))
    stage.apply(upsert("1", 7, "again"))
    assert stage.apply(delete("1", 6)) == (0, 0, 1, [])
    assert stage.texts() == ["again"]


def test_a_replay_changes_nothing(stage: Stage) -> None:
    history = [upsert("1", 5, "one"), upsert("2", 6, LONG), upsert("1", 7, "two"), delete("3", 8)]
    stage.apply(*history)
    before = stage.store.held([ONE]), dict(stage.store.records), dict(stage.store.tombstones)
    for change in history:
        assert stage.apply(change)[1] == 0
    stage.apply(*history)
    assert (stage.store.held([ONE]), stage.store.records, stage.store.tombstones) == before


def test_a_shrinking_record_leaves_no_stale_chunk(stage: Stage) -> None:
    stage.apply(upsert("1", 5, LONG))
    stage.apply(upsert("1", 6, "Short now."))
    assert stage.texts() == ["Short now."]
    assert stage.rows()[0].chunks == 1


def test_a_record_without_any_text_is_not_searchable_but_its_position_is_known(stage: Stage) -> None:
    stage.apply(upsert("1", 5, "text"))
    assert stage.apply(upsert("1", 6, "", title="")) == (1, 0, 0, [])
    assert stage.rows() == []
    assert stage.apply(upsert("1", 5, "text"))[2] == 1


def test_a_change_without_label_is_never_written(stage: Stage) -> None:
    change = upsert("1", 5).model_copy(update={"label": None})
    assert stage.apply(change, upsert("2", 6)) == (1, 1, 0, ["no_permission"])
    assert stage.rows() == []


@pytest.mark.parametrize(
    "field", [{"title": "x" * 65_536}, {"url": "x" * 8193}, {"metadata": {"m": "ä" * 33_000}}], ids=str
)
def test_a_field_over_the_indexs_limit_is_set_aside_alone(stage: Stage, field: dict[str, object]) -> None:
    assert stage.apply(upsert("1", 5, **field), upsert("2", 6)) == (1, 1, 0, ["text_too_large"])


def test_a_text_the_model_does_not_take_is_set_aside_alone() -> None:
    class Picky(Counting):
        def embed_passages(self, texts: Sequence[str]) -> Vectors:
            for index, text in enumerate(texts):
                if "bad" in text:
                    raise UnusableText(index, "it is bad")
            return super().embed_passages(texts)

    stage = Stage()
    stage.indexer = Indexer(stage.store, Picky())
    changes = [upsert("1", 5, "good"), upsert("2", 6, "bad"), upsert("3", 7, "also bad"), upsert("4", 8, "fine")]
    assert stage.apply(*changes) == (2, 2, 0, ["malformed_event", "malformed_event"])
    assert (stage.texts("1"), stage.texts("2"), stage.texts("4")) == (["good"], [], ["fine"])


class Refusing(MemoryStore):
    """Refuses every call that holds record `bad`."""

    def write(self, versions: Sequence[Version]) -> None:
        if any(version.record_id.endswith("/bad") for version in versions):
            raise Rejected("index_refused", "no")
        super().write(versions)


def test_a_store_that_refuses_one_record_sets_only_that_aside() -> None:
    stage = Stage(Refusing())
    assert stage.apply(upsert("1", 5), upsert("bad", 6, "b"), upsert("2", 7)) == (2, 2, 0, ["index_refused"])
    assert (len(stage.rows("1")), len(stage.rows("2")), len(stage.rows("bad"))) == (1, 1, 0)


def test_a_store_that_is_away_is_said_so_and_nothing_counts_as_done() -> None:
    class Away(MemoryStore):
        def held(self, record_ids: Sequence[str]) -> dict[str, Held]:
            raise IndexUnavailable()

    with pytest.raises(IndexUnavailable):
        Stage(Away()).apply(upsert("1", 5))


def test_an_empty_batch_is_nothing(stage: Stage) -> None:
    assert stage.apply() == (0, 0, 0, [])


CHANGES = st.builds(
    lambda name, at, text: delete(name, at) if text is None else upsert(name, at, text),
    st.sampled_from("abc"),
    st.integers(1, 8),
    st.none() | st.sampled_from(["", "one", "two words", LONG]),
)


def by_position(history: Sequence[Change]) -> list[Change]:
    """One change for each record and position, as a source's log has."""
    return list({(change.record_id, change.position): change for change in history}.values())


@given(st.lists(CHANGES, max_size=12).map(by_position), st.data())
def test_any_replays_order_and_batches_end_with_the_highest_position_of_each_record(
    history: list[Change], data: st.DataObject
) -> None:
    arrivals = data.draw(st.permutations(history + history[: data.draw(st.integers(0, len(history)))]))
    borders = sorted(data.draw(st.lists(st.integers(0, len(arrivals)), max_size=4)))
    replayed, plain = Stage(), Stage()
    for start, end in zip([0, *borders], [*borders, len(arrivals)], strict=True):
        replayed.apply(*arrivals[start:end])
    for change in sorted(history, key=lambda change: change.position):
        plain.apply(change)
    names = [f"helpdesk/helpdesk.tickets/{name}" for name in "abc"]
    assert replayed.store.records == plain.store.records
    assert replayed.store.held(names) == plain.store.held(names)
