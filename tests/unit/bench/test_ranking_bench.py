"""The bench of the ranking: its company, its brute force, and what it would let pass."""

import numpy as np
import pytest

from bench.measures import overlap
from bench.product import Asked
from bench.ranking.brute import Brute
from bench.ranking.company import DIMENSION, LABELS, NOW_MS, TERMS, VISIBLE, decay, make_company, make_questions
from bench.ranking.measure import NAMES, Taken, summary
from bench.ranking.run import judged
from index.memory import MemoryStore
from index.store import Version
from query.ranking.relevance import Retrieval
from query.ranking.top import Wanted, exact_top
from schemas.access import AccessFilter

CHUNKS, K = 600, 10
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def company():
    return make_company(CHUNKS, seed=7)


@pytest.fixture(scope="module")
def asked(company):
    return make_questions(company, 18, seed=7)


def test_the_same_seed_makes_the_same_company_and_questions_and_another_one_another(company, asked):
    again = make_company(CHUNKS, seed=7)
    assert make_company(20, seed=8).rows != company.rows[:20]
    assert again.rows == company.rows
    assert np.array_equal(again.vectors, company.vectors)
    assert [one.asked.text for one in make_questions(again, 18, seed=7)] == [one.asked.text for one in asked]


def test_there_are_as_many_chunks_as_wanted_and_some_records_have_several(company):
    assert CHUNKS <= len(company.rows) <= CHUNKS + 2
    assert len({row.chunk_id for row in company.rows}) == len(company.rows)
    assert 0.05 < np.mean([row.chunks > 1 for row in company.rows]) < 0.4


def test_few_rows_are_fresh_and_most_are_old(company):
    ages = np.array([NOW_MS - row.event_ms for row in company.rows])
    assert np.all(ages > 0)
    assert 0.0 < np.mean(ages < DAY_MS) < 0.08
    assert np.mean(ages > 30 * DAY_MS) > 0.7


def test_askers_see_about_the_share_that_is_said(company, asked):
    assert {one.percent for one in asked} == {*VISIBLE}
    for one in asked:
        seen = np.mean([row.label in one.access.labels for row in company.rows])
        assert seen == pytest.approx(one.percent / 100, abs=0.15)
        assert len(one.access.labels) == one.percent * LABELS // 100


def test_questions_have_words_and_some_the_code_of_a_row_their_asker_sees(company, asked):
    of_rows = {row.title.split()[0]: row for row in company.rows}
    coded = [(one, word) for one in asked for word in one.asked.text.split() if word in of_rows]
    assert 0 < len(coded) < len(asked)
    assert all(of_rows[word].label in one.access.labels for one, word in coded)


@pytest.mark.parametrize("relevance", ["dense", "keyword", "hybrid"])
def test_the_product_over_an_index_in_memory_agrees_with_brute_force(company, asked, relevance):
    store, brute = stored(company), Brute(company)
    for one in asked[:3]:
        terms = decay()
        retrieval = Retrieval(store, one.access, terms, one.asked.text, one.asked.vector)
        ranked = exact_top(retrieval.by(relevance), terms, one.access.sources, Wanted(K))
        right = brute.best_records(brute.scores(one.access, terms, one.asked, relevance), K)
        assert overlap([each.found.row.record_id for each in ranked.records[:K]], right) == 1.0


def test_brute_force_never_shows_what_is_not_permitted(company, asked):
    brute, nothing = Brute(company), AccessFilter(frozenset(), frozenset(TERMS))
    assert brute.best_records(brute.scores(nothing, decay(), asked[0].asked, "dense"), K) == []
    labels = {row.chunk_id: row.label for row in company.rows}
    shown = brute.best_chunks(brute.scores(asked[0].access, decay(), asked[0].asked, "hybrid"), CHUNKS)
    assert {labels[chunk] for chunk in shown} <= asked[0].access.labels


def test_brute_force_computes_the_stated_score(company):
    row = company.rows[0]
    access = AccessFilter(frozenset({row.label}), frozenset(TERMS))
    terms = TERMS[row.source]
    halvings = (NOW_MS - row.event_ms) / 1000 / terms.half_life_s
    scores = Brute(company).scores(access, decay(), Asked("", np.asarray(row.vector)), "dense")
    assert row.vector.shape == (DIMENSION,)
    assert scores[0] == pytest.approx(terms.floor + (1 - terms.floor) * 2**-halvings, abs=1e-6)


def test_an_overlap_or_an_ndcg_that_is_too_low_does_not_pass():
    def holds(found):
        ratios, bars = judged(found)
        return all(bar.holds(ratios[name]) for name, bar in bars.items())

    good = results(overlap=1.0)
    assert holds(good)
    assert not holds(good | {"overlap_dense": 0.999})
    assert not holds(good | {"overlap_hybrid": 0.98})
    assert holds(good | {"overlap_hybrid": 0.995, "overlap_milvus_decay": 0.1})
    assert not holds(good | {"ndcg": {"dense": 0.9, "bm25": 0.5, "hybrid": 0.89}})


def test_the_results_tell_overlap_by_share_visible_and_costs_as_ratios():
    said = results(overlap=0.5)
    assert said["overlap_by_visible"]["dense"] == {"1 %": 0.5, "10 %": 0.5}
    assert (said["exact"]["dense"], said["ratios"]["hybrid / one_search"]) == (1.0, 1.0)
    assert said["searches_per_question"]["hybrid"]["mean"] == 3


def results(overlap):
    taken = [Taken(percent, overlap, True, 3, 5.0) for percent in (1, 10, 1, 10)]
    return summary(dict.fromkeys(NAMES, taken), {"dense": 0.7, "bm25": 0.6, "hybrid": 0.8})


def stored(company):
    store, records = MemoryStore(), {}
    for row in company.rows:
        records.setdefault(row.record_id, []).append(row)
    store.write([Version(name, rows[0].position, tuple(rows), 0) for name, rows in records.items()])
    return store
