from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.store import Found, Row
from query.rank import FIRST_FETCH, Scored, best_per_record, exact_top, freshness, scorer
from schemas.label import LabelId
from schemas.position import Position

NOW_MS = 1_800_000_000_000
DAY_S = 86_400.0


def found(record: str, similarity: float, age_s: float = 0.0, chunk: int = 0) -> Found:
    at = NOW_MS - round(age_s * 1000)
    row = Row(
        record_id=record,
        source="helpdesk",
        table="t",
        key="{}",
        position=Position("1"),
        label=LabelId(1),
        commit_ms=at,
        event_ms=at,
        chunk=chunk,
        chunks=1,
        title="",
        text="",
        url="",
        metadata="{}",
        text_hash="",
        vector=np.empty(0, dtype=np.float32),
    )
    return Found(row, similarity)


def scored(one: Found) -> Scored:
    age_ms = NOW_MS - one.row.event_ms
    return Scored(one, max(0.0, one.similarity), freshness(age_ms, DAY_S, 0.3))


@dataclass
class Shelf:
    """Chunks that can be fetched in falling similarity; remembers how many were asked for."""

    chunks: list[Found]
    asked: list[int]

    def search(self, limit: int) -> list[Found]:
        self.asked.append(limit)
        return sorted(self.chunks, key=lambda f: -f.similarity)[:limit]


def test_freshness_halves_towards_the_floor_with_each_half_life() -> None:
    assert [freshness(age * DAY_S * 1000, DAY_S, 0.2) for age in (0, 1, 2)] == pytest.approx([1.0, 0.6, 0.4])
    assert freshness(1e18, 1e-9, 0.2) == 0.2


def test_what_lies_in_the_future_is_as_fresh_as_now() -> None:
    assert freshness(-5000, DAY_S, 0.2) == 1.0


def test_a_fresh_row_beats_more_similar_old_ones_however_many_there_are() -> None:
    """The decay ranker of Milvus would never see it: it is at rank 1001 by similarity."""
    old = [found(f"old/{n}", 0.9, age_s=100 * DAY_S) for n in range(1000)]
    shelf = Shelf([*old, found("fresh", 0.5)], [])
    ranked = exact_top(shelf.search, scored, 1)
    assert ranked.records[0].found.row.record_id == "fresh"
    assert ranked.exact
    assert shelf.asked == [64, 256, 1024]


def test_fetching_stops_as_soon_as_nothing_unseen_can_win() -> None:
    chunks = [found(f"r/{n}", 0.9 - n / 1000) for n in range(500)]
    ranked = exact_top((shelf := Shelf(chunks, [])).search, scored, 10)
    assert (shelf.asked, ranked.fetched, ranked.exact) == ([FIRST_FETCH], FIRST_FETCH, True)


def test_a_record_is_shown_once_by_its_best_chunk() -> None:
    chunks = [found("long", 0.5, chunk=n) for n in range(3)] + [found("long", 0.8, chunk=3)]
    ranked = exact_top(Shelf([*chunks, found("short", 0.6)], []).search, scored, 5)
    shown = [(s.found.row.record_id, s.found.row.chunk) for s in ranked.records]
    assert shown == [("long", 3), ("short", 0)]


def test_one_record_of_very_many_chunks_does_not_hide_the_others() -> None:
    chunks = [found("long", 0.9, chunk=n) for n in range(300)] + [found("short", 0.1)]
    ranked = exact_top(Shelf(chunks, []).search, scored, 2)
    assert [s.found.row.record_id for s in ranked.records] == ["long", "short"]


def test_beyond_what_one_search_returns_it_is_said_that_the_proof_is_missing() -> None:
    old = [found(f"old/{n}", 0.9, age_s=100 * DAY_S) for n in range(1000)]
    ranked = exact_top((shelf := Shelf(old, [])).search, scored, 1, most=200)
    assert (shelf.asked, ranked.exact) == ([64, 200], False)


def test_nothing_to_see_is_an_exact_answer() -> None:
    ranked = exact_top(Shelf([], []).search, scored, 5)
    assert (ranked.records, ranked.fetched, ranked.exact) == ([], 0, True)


def test_a_question_may_override_the_half_life(company) -> None:
    one = found("r", 0.5, age_s=3600)
    by_source = scorer(company.contracts, None, NOW_MS)(one)
    by_question = scorer(company.contracts, 3600.0, NOW_MS)(one)
    assert by_source.freshness == pytest.approx(0.3 + 0.7 * 2 ** (-1 / 24))
    assert by_question.freshness == pytest.approx(0.65)


CHUNKS = st.lists(
    st.builds(
        found,
        st.sampled_from([f"r/{n}" for n in range(150)]),
        st.one_of(st.sampled_from([-0.2, 0.0, 0.5, 0.9, 1.0]), st.floats(-1, 1)),
        st.sampled_from([-10.0, 0.0, DAY_S, 30 * DAY_S, 1000 * DAY_S]),
        st.integers(0, 5),
    ),
    max_size=400,
)


@given(CHUNKS, st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_answer_is_that_of_brute_force(chunks: list[Found], k: int, chance) -> None:
    one_age = {}
    chunks = [c for c in chunks if one_age.setdefault(c.row.record_id, c.row.event_ms) == c.row.event_ms]
    chunks = list({(c.row.record_id, c.row.chunk): c for c in chunks}.values())
    chance.shuffle(chunks)
    ranked = exact_top(Shelf(chunks, []).search, scored, k)
    assert ranked.records == best_per_record([scored(c) for c in chunks])[:k]
    assert ranked.exact
