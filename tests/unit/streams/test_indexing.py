"""Indexing: newest wins, nothing is embedded twice, what is refused is set aside alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_stage import delete, relabel, truncate, upsert

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
    "field",
    [{"title": "x" * 65_536}, {"url": "x" * 8193}, {"metadata": {"m": "ä" * 33_000}}],
    ids=["title", "url", "metadata"],
)
def test_a_field_over_the_indexs_limit_is_set_aside_alone(stage: Stage, field: dict[str, object]) -> None:
    assert stage.apply(upsert("1", 5, **field), upsert("2", 6)) == (2, 1, 0, ["text_too_large"])
    assert (len(stage.rows("1")), len(stage.rows("2"))) == (0, 1)


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
    assert stage.apply(*changes)[1:] == (2, 0, ["malformed_event", "malformed_event"])
    assert (stage.texts("1"), stage.texts("2"), stage.texts("4")) == (["good"], [], ["fine"])


class Refusing(MemoryStore):
    """Refuses every call that holds content of record `bad`."""

    def write(self, versions: Sequence[Version]) -> None:
        if any(version.rows and version.record_id.endswith("/bad") for version in versions):
            raise Rejected("index_refused", "no")
        super().write(versions)


def test_a_repair_believes_nothing_the_index_holds_of_the_record(stage: Stage) -> None:
    stage.apply(upsert("1", 5), upsert("2", 5))
    (row,) = stage.rows()
    stage.store.records[ONE] = (replace(row, vector=-row.vector),)
    stage.store.loose.append(replace(row, chunk=3))
    stage.apply(upsert("1", 6))
    stage.apply(upsert("2", 6))
    assert np.array_equal(stage.rows()[0].vector, -row.vector)
    stage.apply(upsert("1", 7, fresh=True), upsert("2", 7))
    assert [np.array_equal(stage.rows(name)[0].vector, row.vector) for name in ("1", "2")] == [True, True]
    assert stage.store.loose == []


def test_a_store_that_refuses_one_record_sets_only_that_aside() -> None:
    stage = Stage(Refusing())
    assert stage.apply(upsert("1", 5), upsert("bad", 6, "b"), upsert("2", 7))[1:] == (2, 0, ["index_refused"])
    assert (len(stage.rows("1")), len(stage.rows("2")), len(stage.rows("bad"))) == (1, 1, 0)


def test_content_that_cannot_be_used_leaves_the_last_good_one_under_the_new_label(stage: Stage) -> None:
    stage.apply(upsert("1", 5, LONG))
    good = stage.texts()
    assert stage.apply(upsert("1", 6, "new", label=8, url="x" * 9000)) == (1, 0, 0, ["text_too_large"])
    assert (stage.texts(), {row.label for row in stage.rows()}) == (good, {8})
    assert {row.position for row in stage.rows()} == {upsert("1", 6).position}
    assert stage.apply(upsert("1", 5, LONG))[2] == 1


def test_a_relabel_changes_who_may_see_what_the_changes_before_it_left(stage: Stage) -> None:
    assert stage.apply(upsert("1", 5, "text"), relabel("1", 6, 8), upsert("2", 7, "more")) == (3, 2, 0, [])
    (row,) = stage.rows()
    assert (row.text, row.label, row.position) == ("text", 8, upsert("1", 6).position)


def test_a_relabel_of_a_record_that_is_not_there_brings_nothing_and_the_redriven_version_is_taken(stage: Stage) -> None:
    stage.apply(relabel("1", 6, 8))
    assert stage.rows() == []
    assert stage.apply(upsert("1", 6, "repaired", label=8)) == (1, 1, 0, [])
    assert stage.texts() == ["repaired"]


def test_a_relabel_older_than_the_record_is_outdated(stage: Stage) -> None:
    stage.apply(upsert("1", 7, "text"))
    assert stage.apply(relabel("1", 6, 8))[2] == 1
    assert [row.label for row in stage.rows()] == [7]


def test_a_truncate_takes_away_what_came_before_it_and_what_came_after_stays(stage: Stage) -> None:
    stage.apply(upsert("1", 3), upsert("2", 4))
    stage.apply(upsert("3", 5), truncate(6), upsert("1", 7, "again"), upsert("4", 8))
    assert [len(stage.rows(name)) for name in "1234"] == [1, 0, 0, 1]
    assert stage.texts() == ["again"]


def test_what_is_older_than_a_truncate_stays_out_and_what_is_newer_stays_in_whatever_comes_first(stage: Stage) -> None:
    stage.apply(upsert("new", 8), upsert("old", 4))
    assert stage.apply(truncate(6), upsert("late", 5), upsert("later", 7))[2] == 1
    stage.apply(truncate(6), upsert("old", 4), truncate(2))
    assert [len(stage.rows(name)) for name in ("new", "old", "late", "later")] == [1, 0, 0, 1]


def test_a_truncate_touches_no_other_table(stage: Stage) -> None:
    other = {"record_id": "helpdesk/helpdesk.tickets2/1", "table": "helpdesk.tickets2"}
    foreign = {"record_id": "wiki/helpdesk.tickets/1", "source": "wiki"}
    stage.apply(*(upsert("1", 5).model_copy(update=update) for update in (other, foreign, {})))
    stage.apply(truncate(6))
    assert set(stage.store.records) == {other["record_id"], foreign["record_id"]}


class Meanwhile(Counting):
    """While it embeds, time passes and another worker applies `changes`."""

    def __init__(self, store: MemoryStore, seconds: float, *changes: Change) -> None:
        super().__init__()
        self.now = 0.0
        self.other, self.seconds, self.changes = Indexer(store, HashEmbedder(dimension=32)), seconds, changes

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.now += self.seconds
        self.other.apply(self.changes)
        return super().embed_passages(texts)


def overtaken(seconds: float, theirs: Sequence[Change], mine: Sequence[Change]) -> tuple[Stage, int]:
    """A stage whose batch took that long to embed, and how much of it was outdated then."""
    stage = Stage()
    stage.apply(upsert("1", 1, "first"), upsert("2", 1, LONG))
    embedder = Meanwhile(stage.store, seconds, *theirs)
    done = Indexer(stage.store, embedder, lambda: embedder.now).apply(mine)
    return stage, done.outdated


def test_what_became_older_than_the_index_while_it_was_embedded_is_not_written() -> None:
    theirs = [upsert("1", 9, "newer"), delete("2", 9), truncate(4)]
    stage, outdated = overtaken(1.1, theirs, [upsert("1", 5, "mine"), upsert("2", 5, "mine"), upsert("3", 3, "mine")])
    assert outdated == 3
    assert (stage.texts("1"), stage.texts("2"), stage.texts("3")) == (["newer"], [], [])


def test_what_is_still_newest_is_written_over_what_the_index_holds_by_then() -> None:
    stage, outdated = overtaken(1.1, [upsert("1", 4, LONG), upsert("2", 4, "short")], [upsert("1", 5, "mine")])
    assert (outdated, stage.texts("1"), stage.texts("2")) == (0, ["mine"], ["short"])


def test_a_relabel_among_slow_changes_labels_what_the_index_holds_by_then() -> None:
    huge = {"label": 8, "url": "x" * 9000}
    stage, _ = overtaken(1.1, [upsert("1", 4, "theirs")], [upsert("1", 5, "mine", **huge), upsert("3", 5, "slow")])
    assert (stage.texts("1"), [row.label for row in stage.rows("1")]) == (["theirs"], [8])


def test_within_a_second_the_index_is_not_asked_twice() -> None:
    class Asked(MemoryStore):
        times = 0

        def held(self, record_ids: Sequence[str]) -> dict[str, Held]:
            self.times += 1
            return super().held(record_ids)

    times = []
    for seconds in (1.0, 1.1):
        store = Asked()
        embedder = Meanwhile(store, seconds)
        Indexer(store, embedder, lambda embedder=embedder: embedder.now).apply([upsert("1", 5)])
        times.append(store.times)
    assert times == [1, 2]


def test_a_store_that_is_away_is_said_so_and_nothing_counts_as_done() -> None:
    class Away(MemoryStore):
        def held(self, record_ids: Sequence[str]) -> dict[str, Held]:
            raise IndexUnavailable()

    with pytest.raises(IndexUnavailable):
        Stage(Away()).apply(upsert("1", 5))


def test_an_empty_batch_is_nothing(stage: Stage) -> None:
    assert stage.apply() == (0, 0, 0, [])


CHANGES = st.builds(truncate, st.integers(1, 8)) | st.builds(
    lambda name, at, text: delete(name, at) if text is None else upsert(name, at, text),
    st.sampled_from("abc"),
    st.integers(1, 8),
    st.none() | st.sampled_from(["", "one", "two words", LONG]),
)


def by_position(history: Sequence[Change]) -> list[Change]:
    """One change for each record and position, and no other where the table is emptied, as a source's log has."""
    emptied = {change.position for change in history if change.op == "truncate"}
    once = {(change.record_id, change.position): change for change in history}.values()
    return [change for change in once if change.op == "truncate" or change.position not in emptied]


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
