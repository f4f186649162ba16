from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from ranking_stage import NOW_MS, found, row

from index.store import Found
from query.ranking.decay import Decay, Terms
from query.ranking.relevance import NOISE, Batch
from query.ranking.scored import Scored, best_per_record
from query.ranking.top import FIRST_FETCH, GROWTH, Wanted, exact_top

DAY_S = 86_400.0
DECAY = Decay({"helpdesk": Terms(DAY_S, 0.3), "wiki": Terms(100 * DAY_S, 0.0)}, NOW_MS)


def scored(one: Found) -> Scored:
    return Scored(one, max(0.0, one.similarity), DECAY.freshness(one))


@dataclass
class Shelf:
    """Chunks that can be fetched in falling similarity; remembers what was asked for."""

    chunks: list[Found]
    asked: list[int] = field(default_factory=list)
    windows: list[Mapping[str, int]] = field(default_factory=list)

    def fetch(self, limit: int, events_from: Mapping[str, int], /) -> Batch:
        self.asked.append(limit)
        self.windows.append(events_from)
        within = [one for one in self.chunks if one.row.event_ms >= events_from.get(one.row.source, -(10**18))]
        best = sorted(within, key=lambda one: -one.similarity)[:limit]
        complete = len(best) < limit
        return Batch(
            [scored(one) for one in best], NOISE + (0.0 if complete else max(0.0, best[-1].similarity)), complete
        )

    def top(self, k: int, **options: int):
        return exact_top(self.fetch, DECAY, ["helpdesk", "wiki"], Wanted(k), **options)


def names(ranked) -> list[str]:
    return [one.found.row.record_id for one in ranked.records]


def test_a_fresh_row_beats_more_similar_old_ones_however_many_there_are() -> None:
    """The decay ranker of Milvus would never see it: it is at rank 1001 by similarity."""
    old = [found(f"old/{n}", 0.9, age_s=30 * DAY_S) for n in range(1000)]
    ranked = (shelf := Shelf([*old, found("fresh", 0.5)])).top(1)
    assert (names(ranked), ranked.exact) == (["fresh"], True)
    assert shelf.asked == [FIRST_FETCH * GROWTH**n for n in range(len(shelf.asked))]
    assert shelf.asked[-2] < 1001 <= shelf.asked[-1]


def test_the_second_fetch_is_among_those_alone_that_are_fresh_enough_to_win() -> None:
    old = [found(f"old/{n}", 0.9 - n / 10_000, age_s=DAY_S) for n in range(1000)]
    ranked = (shelf := Shelf([*old, *(found(f"new/{n}", 0.7) for n in range(20))])).top(10)
    assert names(ranked) == [f"new/{n}" for n in sorted(range(20), key=str)][:10]
    assert (len(shelf.asked), ranked.exact, ranked.fetched) == (2, True, FIRST_FETCH + 20)
    assert not shelf.windows[0]
    assert NOW_MS - DAY_S * 1000 < shelf.windows[1]["helpdesk"] < NOW_MS


def test_fetching_stops_as_soon_as_nothing_unseen_can_win() -> None:
    chunks = [found(f"r/{n}", 0.9 - n / 1000) for n in range(500)]
    ranked = (shelf := Shelf(chunks)).top(10)
    assert (shelf.asked, ranked.fetched, ranked.exact) == ([FIRST_FETCH], FIRST_FETCH, True)


def test_a_record_is_shown_once_by_its_best_chunk_and_names_the_others() -> None:
    chunks = [found("long", 0.5 + n / 100, chunk=n) for n in range(3)] + [found("long", 0.8, chunk=3)]
    ranked = Shelf([*chunks, found("short", 0.6)]).top(5)
    shown = [(one.found.row.record_id, one.found.row.chunk, one.other_chunks) for one in ranked.records]
    assert shown == [("long", 3, (2, 1, 0)), ("short", 0, ())]


def test_one_record_of_very_many_chunks_does_not_hide_the_others() -> None:
    chunks = [found("long", 0.9, chunk=n) for n in range(300)] + [found("short", 0.1)]
    assert names(Shelf(chunks).top(2)) == ["long", "short"]


def test_beyond_what_one_search_returns_it_is_said_that_the_proof_is_missing() -> None:
    old = [found(f"old/{n}", 0.9, age_s=1e6 * DAY_S) for n in range(1000)]
    ranked = (shelf := Shelf(old)).top(2, most=200)
    assert (shelf.asked[:2], ranked.exact, ranked.ended) == ([FIRST_FETCH, 200], False, False)


def test_when_time_is_up_no_more_is_fetched_and_it_is_said_that_the_proof_is_missing() -> None:
    old = [found(f"old/{n}", 0.9, age_s=30 * DAY_S) for n in range(1000)]
    shelf, late = Shelf([*old, found("fresh", 0.5)]), iter([True, False])
    ranked = exact_top(shelf.fetch, DECAY, ["helpdesk"], Wanted(1, in_time=lambda: next(late)))
    assert (shelf.asked, ranked.exact, ranked.ended, len(ranked.records)) == (
        [FIRST_FETCH, GROWTH * FIRST_FETCH],
        False,
        False,
        1,
    )


def test_nothing_to_see_is_an_exact_answer() -> None:
    ranked = Shelf([]).top(5)
    assert (ranked.records, ranked.fetched, ranked.exact, ranked.ended) == ([], 0, True, True)


class Changing(Shelf):
    """Before the second fetch something happens."""

    change = staticmethod(lambda chunks: chunks)

    def fetch(self, limit: int, events_from: Mapping[str, int], /) -> Batch:
        if len(self.asked) == 1:
            self.chunks = self.change(self.chunks)
        return super().fetch(limit, events_from)


def test_what_a_later_fetch_no_longer_shows_is_forgotten() -> None:
    old = [found(f"old/{n}", 0.9, age_s=DAY_S) for n in range(FIRST_FETCH + 4)]
    shelf = Changing([*old, found("gone", 0.95), found("new", 0.8)])
    shelf.change = lambda chunks: [one for one in chunks if one.row.record_id != "gone"]
    ranked = shelf.top(2)
    assert (names(ranked), ranked.exact) == (["new", "old/0"], True)


def test_what_was_ruled_out_by_a_row_that_is_gone_is_looked_at_again() -> None:
    old = [found(f"old/{n}", 0.9, age_s=DAY_S) for n in range(FIRST_FETCH + 4)]
    shelf = Changing([*old, found("gone", 0.95), found("mid", 0.92, age_s=DAY_S / 4)])
    shelf.change = lambda chunks: (
        [found("older", 0.92, age_s=DAY_S)] + [one for one in chunks if one.row.record_id != "gone"]
    )
    ranked = shelf.top(2)
    assert (names(ranked), ranked.exact) == (["mid", "older"], True)


def test_of_two_versions_of_a_record_the_newer_one_counts() -> None:
    old = [found(f"old/{n}", 0.9, age_s=DAY_S) for n in range(FIRST_FETCH + 4)]
    shelf = Changing([*old, found("r", 0.99, age_s=20 * DAY_S), found("r", 0.85, chunk=1)])
    shelf.change = lambda chunks: [
        *(one for one in chunks if one.row.record_id != "r"),
        Found(row("r", chunk=1, position="2"), 0.84),
    ]
    ranked = shelf.top(1)
    assert [(one.found.row.position, one.relevance, one.other_chunks) for one in ranked.records] == [("2", 0.84, ())]


def test_ties_go_to_the_later_event_then_to_the_smaller_id() -> None:
    chunks = [found("b", 0.5), found("a", 0.5), found("late", 0.5, age_s=-1)]
    assert [one.found.row.record_id for one in best_per_record(map(scored, chunks))] == ["late", "a", "b"]


@pytest.mark.parametrize("age_s", [0.0, 3600.0, 5 * DAY_S, 1e6 * DAY_S])
@pytest.mark.parametrize("terms", [Terms(DAY_S, 0.0), Terms(DAY_S, 0.3), Terms(1.0, 0.0), Terms(DAY_S, 1.0)], ids=str)
def test_a_cutoff_excludes_no_row_that_is_fresh_enough(age_s: float, terms: Terms) -> None:
    decay = Decay({"helpdesk": terms}, NOW_MS)
    event_ms = NOW_MS - round(age_s * 1000)
    fresh = terms.freshness(NOW_MS - event_ms)
    assert decay.events_from(["helpdesk"], fresh).get("helpdesk", event_ms) <= event_ms
    stricter = decay.events_from(["helpdesk"], fresh + 1e-3)
    assert fresh > 1 - 1e-3 or terms.floor > fresh - 1e-3 or stricter["helpdesk"] > event_ms


def test_freshness_halves_towards_the_floor_with_each_half_life() -> None:
    terms = Terms(DAY_S, 0.2)
    assert [terms.freshness(age * DAY_S * 1000) for age in (0, 1, 2)] == pytest.approx([1.0, 0.6, 0.4])
    assert Terms(1e-9, 0.2).freshness(1e18) == 0.2
    assert terms.freshness(-5000) == 1.0, "what lies in the future is as fresh as now"
