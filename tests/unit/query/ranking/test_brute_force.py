"""Against brute force: whatever the rows, what is asked and what is permitted, the answer is the true one."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ranking_stage import NOW_MS, bm25_of, brute_force, row

from index.memory import MemoryStore
from index.store import Row, Version
from query.ranking import top
from query.ranking.decay import Decay, Terms
from query.ranking.pick import Rule
from query.ranking.relevance import DENSE_WEIGHT, Retrieval, keyword_relevance
from query.ranking.scored import Permits, Scored
from query.ranking.top import Wanted, exact_top
from schemas.access import AccessFilter
from schemas.answer import Relevance
from schemas.label import LabelId

DAY_S = 86_400.0
ACCESS = AccessFilter(frozenset({LabelId(1), LabelId(2)}), frozenset({"helpdesk", "wiki", "mail"}))
WORDS = ["printer", "invoice", "AB-1234", "fire", "hall", "the"]
QUESTION = "the printer of invoice AB-1234"
VECTOR = np.array([1.0, 0.0], dtype=np.float32)

ROWS = st.tuples(
    st.sampled_from(["helpdesk", "wiki", "mail", "secret"]),
    st.sampled_from([1, 2, 3]),
    st.one_of(st.sampled_from([-0.2, 0.0, 0.5, 0.9, 1.0]), st.floats(-1, 1)),
    st.sampled_from([-10.0, 0.0, 60.0, DAY_S, 30 * DAY_S, 1000 * DAY_S]),
    st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join),
    st.integers(1, 3),
)
FLOORS = st.sampled_from([0.0, 0.3, 1.0])
HALF_LIVES = st.sampled_from([1.0, DAY_S, 1000 * DAY_S])


@pytest.fixture(autouse=True, scope="module")
def small_fetches() -> Iterator[None]:
    """So that few rows take many fetches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(top, "FIRST_FETCH", 2)
        patch.setattr(top, "GROWTH", 2)
        yield


@dataclass
class Case:
    """Rows, and what is asked of them."""

    rows: list[Row]
    decay: Decay
    relevance: Relevance
    denied: frozenset[str]
    rule: Rule
    k: int

    def top(self) -> list[Scored]:
        """As a page of the answer."""
        store = MemoryStore()
        for one in self.rows:
            held = store.records.get(one.record_id, ())
            store.write([Version(one.record_id, one.position, (*held, one), len(held))])
        fetch = Retrieval(store, ACCESS, self.decay, QUESTION, VECTOR).by(self.relevance)
        permits: Permits = lambda found: [one.found.row.record_id not in self.denied for one in found]  # noqa: E731
        ranked = exact_top(fetch, self.decay, ACCESS.sources, Wanted(self.k, permits, self.rule), most=4096)
        assert ranked.exact
        picking = self.rule.begin()
        return [one for one in ranked.records if picking.picks(one.found.row, one.key)]

    def expected(self) -> list[tuple[float, str]]:
        permitted = [one for one in self.rows if one.label in ACCESS.labels and one.source in ACCESS.sources]
        most: Any = self.rule.most_per_source
        bm25 = bm25_of(QUESTION, permitted)
        matching = [one for one in permitted if self.relevance != "keyword" or bm25(one) > 0]

        def relevance(one: Row) -> float:
            dense = max(0.0, float(one.vector @ VECTOR))
            words = keyword_relevance(bm25(one))
            mixed = DENSE_WEIGHT * dense + (1 - DENSE_WEIGHT) * words
            return {"dense": dense, "keyword": words, "hybrid": mixed}[self.relevance]

        return brute_force(
            matching,
            relevance,
            lambda one: (self.decay.terms[one.source].half_life_s, self.decay.terms[one.source].floor),
            lambda one: one.record_id not in self.denied,
            lambda source: (most if isinstance(most, int) else (most or {}).get(source)) or 10**9,
        )


def rows_of(drawn: list[tuple[str, int, float, float, str, int]], copies: int) -> list[Row]:
    """Records of one to three chunks, later ones a little worse, and copies of each."""
    rows = []
    for copy in range(copies):
        for number, (source, label, similarity, age_s, text, chunks) in enumerate(drawn):
            for chunk in range(chunks):
                cosine = max(-1.0, similarity - 0.01 * (chunk + 3 * copy))
                vector = np.array([cosine, np.sqrt(max(0.0, 1 - cosine**2))], dtype=np.float32)
                name = f"{source}/t/{number:03}-{copy}"
                says = f"{text} {chunk} {number if copy % 2 else ''}"
                rows.append(
                    row(
                        name, age_s, chunk, source=source, label=LabelId(label), text=says, chunks=chunks, vector=vector
                    )
                )
    return rows


CASES = st.builds(
    Case,
    st.builds(rows_of, st.lists(ROWS, max_size=25), st.sampled_from([1, 2, 6])),
    st.builds(
        lambda *terms: Decay(dict(zip(("helpdesk", "wiki", "mail", "secret"), terms, strict=True)), NOW_MS),
        *[st.builds(Terms, HALF_LIVES, FLOORS)] * 4,
    ),
    st.sampled_from(["dense", "keyword", "hybrid"]),
    st.frozensets(
        st.builds("{}/t/{:03}-{}".format, st.sampled_from(["helpdesk", "wiki"]), st.integers(0, 24), st.just(0))
    ),
    st.builds(Rule, st.sampled_from([None, 1, 3, {"wiki": 2}])),
    st.integers(1, 12),
)


@settings(max_examples=60, deadline=None)
@given(CASES)
def test_the_answer_is_that_of_brute_force(case: Case) -> None:
    shown, expected = case.top(), case.expected()[: case.k]
    assert [one.found.row.record_id for one in shown] == [name for _, name in expected]
    assert [one.score for one in shown] == pytest.approx([score for score, _ in expected], rel=1e-5)


@settings(max_examples=25, deadline=None)
@given(CASES)
def test_page_after_page_is_the_whole_list_once(case: Case) -> None:
    pages: list[str] = []
    while shown := case.top():
        pages += [one.found.row.record_id for one in shown]
        case.rule = Rule(case.rule.most_per_source, shown[-1].key)
    assert pages == [name for _, name in case.expected()]


@pytest.mark.parametrize("relevance", ["dense", "keyword", "hybrid"])
@pytest.mark.parametrize("seed", range(10))
def test_in_a_crowd_of_all_ages_the_answer_is_that_of_brute_force(seed: int, relevance: Relevance) -> None:
    chance = Random(seed)
    drawn = [
        (
            chance.choice(["helpdesk", "wiki", "mail"]),
            1,
            chance.random(),
            chance.expovariate(1 / (2 * DAY_S)),
            " ".join(chance.choices(WORDS, k=chance.randrange(8))) + f" {n}",
            1,
        )
        for n in range(120)
    ]
    terms = [Terms(chance.uniform(0.2, 5) * DAY_S, chance.choice([0.0, 0.1, 0.6])) for _ in range(3)]
    decay = Decay(dict(zip(("helpdesk", "wiki", "mail"), terms, strict=True)), NOW_MS)
    case = Case(rows_of(drawn, 1), decay, relevance, frozenset(), Rule(), chance.randrange(1, 5))
    assert [one.found.row.record_id for one in case.top()] == [name for _, name in case.expected()[: case.k]]
