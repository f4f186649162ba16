"""What every history promises; a test class inherits this and provides `pair`: an index, and its history."""

import itertools
from dataclasses import dataclass, replace

import pytest
from store_contract import ODD_TEXTS, access, at, direction, elsewhere, version

from index.history import HistoryReader, HistoryWriter, Superseded
from index.store import ChunkStore, Version, Within
from schemas.label import LabelId

_sources = itertools.count()


class History(HistoryReader, HistoryWriter):
    """All that is promised."""


@dataclass
class Pair:
    store: ChunkStore
    history: History


def past(written: Version, since: int, until: int) -> list[Superseded]:
    """A version as it is kept, current from `since` until `until`."""
    return [Superseded(replace(row, commit_ms=since), until) for row in written.rows]


class HistoryContract:
    @pytest.fixture
    def source(self) -> str:
        """A source of this test alone."""
        return f"past_{next(_sources)}"

    @staticmethod
    def at_ms(pair: Pair, source: str, ms: int, *labels: int) -> list[tuple[str, str]]:
        """(record, text) of what was current at a time and is permitted by these labels."""
        found = pair.history.search(direction(1), access(source, *(labels or (1,))), 1000, Within(committed_by=ms))
        return sorted((one.row.record_id.rpartition("/")[2], one.row.text) for one in found)

    def test_a_version_is_found_from_its_commit_until_just_before_the_next(self, pair: Pair, source: str) -> None:
        pair.history.keep(past(version(source, "r", 1, ["one"]), 10, 20))
        pair.history.keep(past(version(source, "r", 2, ["two"]), 20, 30))
        found = [[text for _, text in self.at_ms(pair, source, ms)] for ms in (9, 10, 19, 20, 29, 30)]
        assert found == [[], ["one"], ["one"], ["two"], ["two"], []]

    def test_keeping_again_changes_nothing_and_a_later_end_counts(self, pair: Pair, source: str) -> None:
        kept = past(version(source, "r", 1, ["one", "more"]), 10, 20)
        pair.history.keep(kept)
        pair.history.keep(kept)
        assert self.at_ms(pair, source, 15) == [("r", "more"), ("r", "one")]
        pair.history.keep(past(version(source, "r", 1, ["one", "more"]), 10, 40))
        assert self.at_ms(pair, source, 35) == [("r", "more"), ("r", "one")]

    def test_rows_come_back_whole_without_vectors_the_most_similar_first(self, pair: Pair, source: str) -> None:
        written = [version(source, str(size), 1, ["x" * size]) for size in range(1, 40)]
        pair.history.keep([one for each in written for one in past(each, 10, 20)])
        hits = pair.history.search(direction(7), access(source), 5, Within(committed_by=10))
        exact = sorted(((float(v.rows[0].vector @ direction(7)), v.record_id) for v in written), reverse=True)[:5]
        assert [hit.row.record_id for hit in hits] == [name for _, name in exact]
        assert [hit.similarity for hit in hits] == pytest.approx([similarity for similarity, _ in exact], abs=1e-5)
        best = next(v for v in written if v.record_id == hits[0].row.record_id)
        assert (hits[0].row, hits[0].row.vector.size) == (replace(best.rows[0], commit_ms=10), 0)

    def test_what_a_question_is_narrowed_to_counts_as_in_the_index(self, pair: Pair, source: str) -> None:
        kept = [one for name in "abc" for one in past(version(source, name, 1, [name]), 10, 20)]
        moved = [replace(one, row=replace(one.row, event_ms=n)) for n, one in enumerate(kept)]
        pair.history.keep(moved)

        def found(within: Within) -> list[str]:
            hits = pair.history.search(direction(1), access(source), 10, replace(within, committed_by=15))
            return sorted(hit.row.text for hit in hits)

        assert found(Within(events_from={source: 1})) == ["b", "c"]
        assert found(Within(among=frozenset({moved[1].row.chunk_id}))) == ["b"]

    def test_words_are_found_in_what_was_current_then(self, pair: Pair, source: str) -> None:
        pair.history.keep(past(version(source, "r", 1, ["a walrus"]), 10, 20))
        pair.history.keep(past(version(source, "s", 1, ["a walrus"]), 20, 30))
        then = Within(committed_by=15)
        weights = pair.history.weigh_words("walrus zebra", access(source), then)
        assert len(weights) == 1
        (hit,) = pair.history.search_words(weights, access(source), 10, then)
        assert hit.row.record_id.endswith("/r")
        assert hit.similarity > 0
        assert pair.history.weigh_words("walrus", access(source, 2), then) == {}

    def test_a_relabel_reaches_every_version_of_its_records_and_no_other(self, pair: Pair, source: str) -> None:
        for name, label in (("r", 1), ("s", 2), ("other", 1)):
            for n in range(3):
                pair.history.keep(past(version(source, name, n, [f"{name}{n}"], label), 10 * n, 10 * n + 10))
        names = {name: version(source, name, 1, []).record_id for name in ("r", "s")}
        pair.history.relabel(
            {names["r"]: LabelId(5), names["s"]: LabelId(6), version(source, "no", 1, []).record_id: 5}
        )
        shown = [[self.at_ms(pair, source, ms, label) for label in (1, 2, 5, 6)] for ms in (5, 15, 25)]
        assert shown == [[[("other", f"other{n}")], [], [("r", f"r{n}")], [("s", f"s{n}")]] for n in range(3)]
        assert pair.history.weigh_words("r1", access(source, 5), Within(committed_by=15)) != {}

    def test_many_versions_are_relabelled_at_once(self, pair: Pair, source: str) -> None:
        written = version(source, "r", 1, ["a"])
        pair.history.keep([one for n in range(1200) for one in past(written, n, n + 1)])
        pair.history.relabel({written.record_id: LabelId(5)})
        assert [len(self.at_ms(pair, source, ms, 5)) for ms in (0, 600, 1199)] == [1, 1, 1]

    def test_what_is_forgotten_is_gone_with_all_its_versions(self, pair: Pair, source: str) -> None:
        for name in ("r", "other"):
            pair.history.keep(past(version(source, name, 1, ["a", "bb"]), 10, 20))
            pair.history.keep(past(version(source, name, 2, ["a"]), 20, 30))
        pair.history.forget([version(source, "r", 1, []).record_id, version(source, "never seen", 1, []).record_id])
        assert [self.at_ms(pair, source, ms) for ms in (15, 25)] == [
            [("other", "a"), ("other", "bb")],
            [("other", "a")],
        ]

    def test_a_truncate_takes_what_is_older_of_its_table_alone(self, pair: Pair, source: str) -> None:
        older, newer = version(source, "older", 5, ["a"]), version(source, "newer", 6, ["a"])
        others = [elsewhere(version(source, "o", 1, ["a"]), source, "s.t2")]
        for each in (older, newer, *others):
            pair.history.keep(past(each, 10, 20))
        pair.history.truncate(source, "s.t", at(6))
        assert self.at_ms(pair, source, 15) == [("newer", "a"), ("o", "a")]

    def test_what_expires_is_what_ended_before_of_its_source_alone(self, pair: Pair, source: str) -> None:
        for where in (source, source + "_other"):
            for n in range(3):
                pair.history.keep(past(version(where, f"r{n}", 1, ["a"]), 0, 10 + n))
        pair.history.expire(source, 11)
        assert self.at_ms(pair, source, 5) == [("r1", "a"), ("r2", "a")]
        assert len(self.at_ms(pair, source + "_other", 5)) == 3

    def test_since_when_is_the_latest_claim_of_each_source(self, pair: Pair, source: str) -> None:
        other = source + "_other"
        assert source not in pair.history.since()
        for name, ms in ((source, 50), (other, 7), (source, 30), (source, 60), (source, 60)):
            pair.history.begin(name, ms)
        assert (pair.history.since()[source], pair.history.since()[other]) == (60, 7)

    def test_the_end_of_a_source_takes_its_claim_and_its_versions(self, pair: Pair, source: str) -> None:
        other = source + "_other"
        for name in (source, other):
            pair.history.begin(name, 5)
            pair.history.keep(past(version(name, "r", 1, ["a"]), 10, 20))
        pair.history.end(source)
        pair.history.end(source)
        assert (source in pair.history.since(), pair.history.since()[other]) == (False, 5)
        assert (self.at_ms(pair, source, 15), len(self.at_ms(pair, other, 15))) == ([], 1)
        pair.history.begin(source, 3)
        assert pair.history.since()[source] == 3

    def test_labels_of_now_are_those_of_the_index_and_of_nothing_else(self, pair: Pair, source: str) -> None:
        here, gone = version(source, "here", 2, ["a", "b"], label=9), version(source, "gone", 1, ["a"])
        pair.store.write([here])
        pair.history.keep([*past(version(source, "here", 1, ["a"], label=1), 10, 20), *past(gone, 10, 20)])
        assert pair.history.labels_now([here.record_id, gone.record_id]) == {here.record_id: 9}
        assert pair.history.labels_now([]) == {}

    def test_who_may_see_nothing_finds_nothing(self, pair: Pair, source: str) -> None:
        pair.history.keep(past(version(source, "r", 1, ["a"]), 10, 20))
        nobody, then = replace(access(source), labels=frozenset()), Within(committed_by=15)
        assert pair.history.search(direction(1), nobody, 5, then) == []
        assert pair.history.weigh_words("a", nobody, then) == {}
        assert pair.history.search_words({1: 1.0}, nobody, 5, then) == []

    def test_any_text_comes_back_as_it_was(self, pair: Pair, source: str) -> None:
        pair.history.keep(
            [one for n, text in enumerate(ODD_TEXTS) for one in past(version(source, str(n), 1, [text]), 1, 9)]
        )
        assert {text for _, text in self.at_ms(pair, source, 5)} == set(ODD_TEXTS)
