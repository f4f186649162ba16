"""What every index store promises; a test class inherits this and provides the `store` fixture."""

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol
from urllib.parse import quote

import numpy as np
import pytest

from index.store import EVERYTHING, ChunkAudit, ChunkStore, Held, Mark, Row, Vector, Version, Within
from index.words import idf, occurrences, score
from schemas.access import AccessFilter
from schemas.change import table_id
from schemas.label import LabelId
from schemas.position import NOWHERE, Position

DIMENSION = 16
ODD_TEXTS = [
    "it's \"quoted\" and 'quoted' again",
    "back\\slash, \\n that is none, C:\\new\\table",
    "line\nbreak\r\n\ttab",
    "emoji 😀👩‍👩‍👧, Zürich, 日本語, עברית",
    "{braces} %s $1 ; -- drop /* table */",
    "null\x00 and \x1b control",
    "x" * 65_535,
    "ä" * 32_767,
]
ODD_NAMES = [
    "per%20cent",
    "com,ma",
    "quo'te",
    'double"quote',
    "back\\slash",
    "ünïcode/日本/😀",
    "a b",
    "x' or 1 == 1",
    "n\nl",
]
_sources = itertools.count()


def at(number: int) -> Position:
    return Position(f"{number:016x}.00000000")


def direction(seed: int) -> Vector:
    """A unit vector, another for each seed."""
    vector = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    unit: Vector = vector / np.linalg.norm(vector)
    return unit


def version(source: str, name: str, position: int, texts: Sequence[str], label: int = 1, before: int = 0) -> Version:
    """Record `name` at a position: a chunk a text (none = deleted), its vector made of the text's length."""
    record_id = f"{table_id(source, 's.t')}/{name}"
    rows = tuple(
        Row(
            record_id=record_id,
            source=source,
            table="s.t",
            key='{"id": 1}',
            position=at(position),
            label=LabelId(label),
            commit_ms=1_795_400_764_444 + position,
            event_ms=1_795_400_764_443,
            chunk=chunk,
            chunks=len(texts),
            title=f"Title {position}",
            text=text,
            url="https://x.example/1",
            metadata='{"status": "open"}',
            text_hash=f"hash {position} {chunk}",
            vector=direction(len(text)),
        )
        for chunk, text in enumerate(texts)
    )
    return Version(record_id, at(position), rows, before)


def elsewhere(written: Version, source: str, table: str) -> Version:
    """The same version of a record of that name in another table or source."""
    record_id = f"{table_id(source, table)}/{written.record_id.rpartition('/')[2]}"
    rows = tuple(replace(row, record_id=record_id, source=source, table=table) for row in written.rows)
    return replace(written, record_id=record_id, rows=rows)


def timed(written: Version, event_ms: int) -> Version:
    """The same version of something that happened then."""
    return replace(written, rows=tuple(replace(row, event_ms=event_ms) for row in written.rows))


def access(source: str, *labels: int) -> AccessFilter:
    return AccessFilter(frozenset(map(LabelId, labels or (1,))), frozenset({source}))


class Store(ChunkStore, ChunkAudit, Protocol):
    """All that is promised."""


class StoreContract:
    @pytest.fixture
    def source(self) -> str:
        """A source of this test alone."""
        return f"source_{next(_sources)}"

    @staticmethod
    def held(store: ChunkStore, written: Version) -> Held:
        return store.held([written.record_id])[written.record_id]

    def replaced(self, store: ChunkStore, *versions: Version) -> Held:
        """What is held after writing these versions one after another, each knowing of the one before."""
        for each in versions:
            store.write([replace(each, chunks_before=self.held(store, each).chunks)])
        return self.held(store, versions[-1])

    @staticmethod
    def found(store: ChunkStore, source: str, limit: int = 1000) -> list[tuple[str, int]]:
        hits = store.search(direction(1), access(source, *range(1, 10)), limit)
        return sorted((hit.row.record_id.rsplit("/", 1)[-1], hit.row.chunk) for hit in hits)

    def test_of_an_unknown_record_nothing_is_held_and_every_record_asked_for_is_answered(
        self, store: ChunkStore, source: str
    ) -> None:
        assert store.held([]) == {}
        store.write([version(source, "known", 5, ["a"])])
        answer = store.held([f"{source}/s.t/known", f"{source}/s.t/unknown"])
        assert [len(held.rows) for held in answer.values()] == [1, 0]
        assert answer[f"{source}/s.t/unknown"] == Held(NOWHERE, ())

    def test_rows_come_back_whole_in_order_and_with_the_very_same_vectors(self, store: ChunkStore, source: str) -> None:
        written = version(source, "r", 5, [f"text {n:03}" + "x" * n for n in range(25)], label=2**63 - 1)
        held = self.replaced(store, written)
        assert held == Held(at(5), written.rows)
        assert held.chunks == 25
        for mine, theirs in zip(written.rows, held.rows, strict=True):
            assert theirs.vector.dtype == np.float32
            assert np.array_equal(mine.vector, theirs.vector)

    @pytest.mark.parametrize(
        "sizes", [(1, 3), (3, 1), (5, 2), (2, 2), (1, 4, 2, 6), (3, 0), (3, 0, 2), (0, 2)], ids=str
    )
    def test_a_record_that_grows_shrinks_goes_and_returns_is_always_just_its_last_version(
        self, store: ChunkStore, source: str, sizes: tuple[int, ...]
    ) -> None:
        texts = [[f"{n} of {size}" for n in range(size)] for size in sizes]
        history = [version(source, "r", number, texts[number]) for number in range(len(sizes))]
        assert self.replaced(store, *history) == Held(at(len(sizes) - 1), history[-1].rows)
        assert self.found(store, source) == [("r", chunk) for chunk in range(sizes[-1])]
        assert store.count(source) == (1 if sizes[-1] else 0)

    def test_a_deletes_position_is_known_and_a_newer_version_has_its_own(self, store: ChunkStore, source: str) -> None:
        gone = version(source, "r", 7, [])
        assert self.replaced(store, gone) == Held(at(7), ())
        again = version(source, "r", 9, ["back"])
        assert self.replaced(store, again) == Held(at(9), again.rows)

    def test_writing_again_changes_nothing(self, store: ChunkStore, source: str) -> None:
        versions = [version(source, "kept", 5, ["a", "bb"]), version(source, "gone", 6, [])]
        for _ in range(3):
            store.write(versions)
        assert self.held(store, versions[0]) == Held(at(5), versions[0].rows)
        assert self.held(store, versions[1]) == Held(at(6), ())
        assert self.found(store, source) == [("kept", 0), ("kept", 1)]

    def test_a_head_is_the_first_chunk_and_of_an_absent_record_nothing(self, store: ChunkStore, source: str) -> None:
        written = version(source, "r", 5, ["a", "b"])
        store.write([written, version(source, "gone", 6, [])])
        assert store.head(written.record_id) == written.rows[0]
        assert [store.head(f"{source}/s.t/{name}") for name in ("gone", "unknown")] == [None, None]

    def test_one_call_may_grow_shrink_and_delete_different_records(self, store: ChunkStore, source: str) -> None:
        store.write([version(source, name, 1, ["a", "b", "c"]) for name in ("grows", "shrinks", "goes", "stays")])
        store.write(
            [
                version(source, "grows", 2, ["a", "b", "c", "d"], before=3),
                version(source, "shrinks", 2, ["a"], before=3),
                version(source, "goes", 2, [], before=3),
                version(source, "new", 2, ["a"]),
            ]
        )
        assert self.found(store, source) == [
            *(("grows", chunk) for chunk in range(4)),
            ("new", 0),
            ("shrinks", 0),
            *(("stays", chunk) for chunk in range(3)),
        ]
        assert store.count(source) == 4

    def test_a_truncate_takes_every_older_record_of_its_table_with_all_its_chunks(
        self, store: ChunkStore, source: str
    ) -> None:
        store.write([version(source, "old", 4, ["a", "bb", "ccc"]), version(source, "gone", 3, [])])
        store.write([version(source, "same", 6, ["a"]), version(source, "newer", 7, ["a", "bb"])])
        store.truncate(source, "s.t", at(6))
        assert self.found(store, source) == [("newer", 0), ("newer", 1), ("same", 0)]
        assert store.count(source) == 2

    def test_after_a_truncate_every_record_of_its_table_stands_there_at_least(
        self, store: ChunkStore, source: str
    ) -> None:
        written = [version(source, "old", 4, ["a"]), version(source, "gone", 3, []), version(source, "late", 8, [])]
        newer = version(source, "newer", 7, ["a"])
        store.write([*written, newer])
        store.truncate(source, "s.t", at(6))
        names = [*(v.record_id for v in written), newer.record_id, version(source, "never seen", 1, []).record_id]
        assert [store.held([name])[name] for name in names] == [
            Held(at(6), ()),
            Held(at(6), ()),
            Held(at(8), ()),
            Held(at(7), newer.rows),
            Held(at(6), ()),
        ]
        assert [held.position for held in store.held(names).values()] == [at(6), at(6), at(8), at(7), at(6)]

    def test_truncating_again_or_earlier_changes_nothing_and_later_takes_more(
        self, store: ChunkStore, source: str
    ) -> None:
        kept = version(source, "kept", 7, ["a"])
        store.write([kept])
        for position in (6, 6, 2):
            store.truncate(source, "s.t", at(position))
            assert self.held(store, kept) == Held(at(7), kept.rows)
            assert self.held(store, version(source, "other", 1, [])) == Held(at(6), ())
        store.truncate(source, "s.t", at(8))
        assert self.held(store, kept) == Held(at(8), ())
        assert store.count(source) == 0

    def test_a_record_written_after_a_truncate_is_there_whole(self, store: ChunkStore, source: str) -> None:
        store.write([version(source, "r", 4, ["a", "bb", "ccc"])])
        store.truncate(source, "s.t", at(6))
        again = version(source, "r", 7, ["again"])
        assert self.replaced(store, again) == Held(at(7), again.rows)
        assert self.found(store, source) == [("r", 0)]

    def test_a_truncate_touches_no_other_table_and_no_other_source(self, store: ChunkStore, source: str) -> None:
        others = [
            elsewhere(version(source, "other", 1, ["a"]), source, "s.t2"),
            elsewhere(version(source, "other", 1, ["a"]), source, "t"),
            elsewhere(version(source, "other", 1, ["a"]), source + "_other", "s.t"),
        ]
        store.write([*others, version(source, "r", 1, ["a"])])
        store.truncate(source, "s.t", at(6))
        assert [self.held(store, other) for other in others] == [Held(at(1), other.rows) for other in others]
        assert store.count(source) == 2

    @pytest.mark.parametrize("name", ODD_NAMES, ids=repr)
    def test_any_table_and_any_record_name_can_be_truncated_and_names_no_other(
        self, store: ChunkStore, source: str, name: str
    ) -> None:
        odd = elsewhere(version(source, "r", 1, ["a", "bb"]), source, f"s.{name}")
        named = version(source, quote(name, safe=""), 1, ["a"])
        store.write([odd, named])
        store.truncate(source, f"s.{name}", at(6))
        assert self.held(store, odd) == Held(at(6), ())
        assert self.held(store, named) == Held(at(1), named.rows)
        store.truncate(source, "s.t", at(5))
        assert self.held(store, named) == Held(at(5), ())

    def test_many_records_are_truncated_at_once(self, store: ChunkStore, source: str) -> None:
        store.write([version(source, str(n), 1 + n % 2, ["a", "bb"]) for n in range(600)])
        store.truncate(source, "s.t", at(2))
        assert (store.count(source), len(self.found(store, source))) == (300, 600)

    def test_writing_nothing_is_nothing(self, store: ChunkStore, source: str) -> None:
        store.write([])
        assert store.count(source) == 0

    def test_search_gives_the_truly_most_similar_first(self, store: ChunkStore, source: str) -> None:
        versions = [version(source, str(size), 1, ["x" * size]) for size in range(1, 301)]
        store.write(versions)
        question = direction(-1 % 2**32)
        hits = store.search(question, access(source), 20)
        exact = sorted(((float(v.rows[0].vector @ question), v.record_id) for v in versions), reverse=True)[:20]
        assert [hit.row.record_id for hit in hits] == [record_id for _, record_id in exact]
        assert [hit.similarity for hit in hits] == pytest.approx([similarity for similarity, _ in exact], abs=1e-5)

    def test_a_found_row_is_the_written_row_without_its_vector(self, store: ChunkStore, source: str) -> None:
        written = version(source, "r", 5, ["a"])
        store.write([written])
        (hit,) = store.search(written.rows[0].vector, access(source), 5)
        assert (hit.row, hit.row.vector.size) == (written.rows[0], 0)
        assert hit.similarity == pytest.approx(1.0, abs=1e-5)

    def test_search_shows_only_permitted_labels_of_permitted_sources(self, store: ChunkStore, source: str) -> None:
        store.write([version(source, f"label{label}", 1, ["a"], label) for label in (1, 2, 3)])
        store.write([version(source + "_other", "other", 1, ["a"], 1)])
        hits = store.search(direction(1), access(source, 1, 3, 4), 100)
        assert sorted(hit.row.label for hit in hits) == [1, 3]
        assert {hit.row.source for hit in hits} == {source}

    def test_labels_next_to_each_other_at_the_end_of_their_range_are_told_apart(
        self, store: ChunkStore, source: str
    ) -> None:
        largest = 2**63 - 1
        store.write([version(source, str(label), 1, ["a"], label) for label in (largest, largest - 1, 1)])
        assert [hit.row.label for hit in store.search(direction(1), access(source, largest), 10)] == [largest]

    def test_a_search_can_be_narrowed_by_time_by_chunks_and_by_commit(self, store: ChunkStore, source: str) -> None:
        other = source + "_other"
        both = AccessFilter(frozenset({LabelId(1)}), frozenset({source, other}))
        for each in (source, other):
            store.write([timed(version(each, str(n), n, ["a", "same word"]), n) for n in range(1, 5)])

        def found(within: Within) -> list[str]:
            dense = store.search(direction(1), both, 100, within)
            words = store.search_words(store.weigh_words("word", both), both, 100, within)
            assert {hit.row.record_id for hit in words} <= {hit.row.record_id for hit in dense}
            return sorted(f"{h.row.source[len(source) :]}{h.row.record_id[-1]}" for h in dense if not h.row.chunk)

        assert found(Within()) == ["1", "2", "3", "4", "_other1", "_other2", "_other3", "_other4"]
        assert found(Within(events_from={source: 3, other: 4})) == ["3", "4", "_other4"]
        assert found(Within(events_from={source: 3})) == ["3", "4", "_other1", "_other2", "_other3", "_other4"]
        assert found(Within(among=frozenset({f"{source}/s.t/2#0", f"{source}/s.t/9#0"}))) == ["2"]
        assert found(Within(among=frozenset())) == []
        assert found(Within(events_from={other: 9}, committed_by=version(source, "", 2, ["a"]).rows[0].commit_ms)) == [
            "1",
            "2",
        ]

    def test_a_narrowed_search_still_shows_only_what_is_permitted(self, store: ChunkStore, source: str) -> None:
        written = version(source, "r", 1, ["hers alone"], label=2)
        store.write([written])
        within = Within(among=frozenset({written.rows[0].chunk_id}))
        words = store.weigh_words("alone", access(source, 2))
        assert store.search(direction(1), access(source, 1), 5, within) == []
        assert store.search_words(words, access(source, 1), 5, within) == []
        assert len(store.search_words(words, access(source, 2), 5, within)) == 1

    def test_words_find_what_has_them_best_match_first(self, store: ChunkStore, source: str) -> None:
        texts = [
            "the printer of the hall is broken",
            "printer printer printer",
            "invoice AB-1234 was paid",
            "invoice AB-9999 was paid",
            "nothing of that kind",
        ]
        store.write([version(source, str(n), 1, [text]) for n, text in enumerate(texts)])

        def found(text: str) -> list[str]:
            hits = store.search_words(store.weigh_words(text, access(source)), access(source), 10)
            assert [hit.similarity for hit in hits] == sorted((hit.similarity for hit in hits), reverse=True)
            assert all(hit.similarity > 0 for hit in hits)
            return [hit.row.record_id[-1] for hit in hits]

        assert found("Printers?") == ["1", "0"]
        assert found("invoices ab-1234") == ["2", "3"]
        assert found("1234") == ["2"]
        assert found("the is of") == found("unheard") == found("!?") == []

    def test_the_score_of_words_is_bm25_whatever_the_limit_the_filter_and_the_other_chunks(
        self, store: ChunkStore, source: str
    ) -> None:
        names = ["alpha", "beta", "gamma", "delta"]
        written = [
            version(source, str(n), 1, [" ".join(names[: 1 + n % 4] * (1 + n % 3)) + f" filler {n}"]) for n in range(60)
        ]
        store.write(written[:30])
        words = store.weigh_words("alpha gamma", access(source))
        assert sorted(words.values()) == pytest.approx(sorted([idf(30), idf(15 - 1)]))
        expected = {v.record_id: score(words, occurrences(f"Title 1\n{v.rows[0].text}")) for v in written}
        for within in (EVERYTHING, Within(among=frozenset(v.rows[0].chunk_id for v in written[:7]))):
            for limit in (5, 100):
                hits = store.search_words(words, access(source), limit, within)
                assert {hit.row.record_id: hit.similarity for hit in hits} == pytest.approx(
                    {hit.row.record_id: expected[hit.row.record_id] for hit in hits}, rel=1e-5
                )
        store.write(written[30:])
        hits = store.search_words(words, access(source), 100)
        assert {hit.row.record_id: hit.similarity for hit in hits} == pytest.approx(expected, rel=1e-5)

    def test_words_are_weighed_by_what_the_asker_may_see_alone(self, store: ChunkStore, source: str) -> None:
        store.write([version(source, f"mine{n}", 1, ["budget"]) for n in range(3)])
        alone = store.weigh_words("budget merger", access(source, 1))
        store.write([version(source, f"secret{n}", 1, ["budget merger"], label=2) for n in range(50)])
        assert store.weigh_words("budget merger", access(source, 1)) == alone
        assert len(store.weigh_words("budget merger", access(source, 1, 2))) == 2

    def test_a_changed_text_is_found_by_its_new_words_only(self, store: ChunkStore, source: str) -> None:
        self.replaced(store, version(source, "r", 1, ["old words"]), version(source, "r", 2, ["new words"]))
        found = [
            len(store.search_words(store.weigh_words(text, access(source)), access(source), 5))
            for text in ("old", "new", "words")
        ]
        assert found == [0, 1, 1]

    def test_an_empty_filter_shows_nothing(self, store: ChunkStore, source: str) -> None:
        store.write([version(source, "r", 1, ["a"])])
        nothing = AccessFilter(frozenset(), frozenset({source})), AccessFilter(frozenset({LabelId(1)}), frozenset())
        assert [store.search(direction(1), each, 10) for each in nothing] == [[], []]

    def test_ten_thousand_labels_are_one_filter(self, store: ChunkStore, source: str) -> None:
        large = 2**62
        store.write([version(source, str(n), 1, ["a"], large + n) for n in (0, 9_999, 10_000)])
        hits = store.search(direction(1), access(source, *range(large, large + 10_000)), 10)
        assert sorted(hit.row.label - large for hit in hits) == [0, 9_999]

    def test_records_of_equal_text_are_all_found(self, store: ChunkStore, source: str) -> None:
        store.write([version(source, str(n), 1, ["same text"]) for n in range(5)])
        assert len(self.found(store, source)) == 5

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=lambda text: repr(text[:12]))
    def test_any_text_comes_back_as_it_was(self, store: ChunkStore, source: str, text: str) -> None:
        odd = version(source, "r", 1, [text])
        rows = tuple(replace(row, title=text, metadata=text, key=text[:2000], url=text[:2000]) for row in odd.rows)
        store.write([replace(odd, rows=rows)])
        assert self.held(store, odd).rows == rows
        assert [hit.row for hit in store.search(direction(1), access(source), 5)] == list(rows)

    @pytest.mark.parametrize("name", ODD_NAMES, ids=repr)
    def test_any_record_id_can_be_written_held_and_deleted_and_names_no_other(
        self, store: ChunkStore, source: str, name: str
    ) -> None:
        store.write([version(source, each, 1, ["a", "b"]) for each in (name, "other")])
        assert self.replaced(store, version(source, name, 2, ["a"])).chunks == 1
        assert self.replaced(store, version(source, name, 3, [])) == Held(at(3), ())
        assert self.held(store, version(source, "other", 1, [])).chunks == 2
        assert store.count(source) == 1

    def test_many_records_are_held_and_written_in_one_call(self, store: ChunkStore, source: str) -> None:
        versions = [version(source, str(n), 1, ["a", "b"]) for n in range(600)]
        store.write(versions)
        held = store.held([v.record_id for v in versions])
        assert [held[v.record_id].chunks for v in versions] == [2] * 600
        store.write([version(source, str(n), 2, [], before=2) for n in range(600)])
        assert (store.count(source), self.found(store, source)) == (0, [])

    def test_marks_tell_of_every_chunk_of_a_source_in_order(self, store: Store, source: str) -> None:
        store.write([version(source, str(n), 1, ["a"] * (n % 3)) for n in range(300)])
        store.write([version(source + "_other", "r", 1, ["a"])])
        marks = [mark for page in store.marks(source) for mark in page]
        ids = [mark.chunk_id for mark in marks]
        assert ids == sorted(f"{source}/s.t/{n}#{chunk}" for n in range(300) for chunk in range(n % 3))
        assert [mark for page in store.marks(source, "s.t") for mark in page] == marks
        assert not [mark for page in store.marks(source, "s.other") for mark in page]
        (mark,) = (mark for page in store.marks(source + "_other") for mark in page)
        assert mark == Mark(f"{source}_other/s.t/r#0", f"{source}_other/s.t/r", "s.t", '{"id": 1}', at(1), 0, 1)

    def test_where_every_chunk_has_its_head_there_are_no_strays(self, store: Store, source: str) -> None:
        written = version(source, "r", 1, ["a", "b"])
        store.write([written])
        assert store.strays([written.record_id, "another"]) == {}
        store.sweep([written.record_id, "another"])
        assert self.held(store, written) == Held(at(1), written.rows)

    def test_threads_may_write_and_read_at_once(self, store: ChunkStore, source: str) -> None:
        def work(worker: int) -> None:
            for number in range(15):
                self.replaced(store, version(source, f"w{worker}", number, ["a"] * (number % 3 + 1)))
                store.search(direction(1), access(source), 5)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert self.found(store, source) == [(f"w{worker}", chunk) for worker in range(4) for chunk in range(3)]
