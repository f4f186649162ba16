import numpy as np
import pytest
from ranking_stage import NOW_MS, row

from index.memory import MemoryStore
from index.store import EVERYTHING, Found, Vector, Version, Within
from index.words import Weights
from query.ranking.decay import Decay, Terms
from query.ranking.relevance import DENSE_WEIGHT, Batch, Retrieval, keyword_relevance
from query.ranking.top import Wanted, exact_top
from schemas.access import AccessFilter
from schemas.errors import FreshlineError, KeywordsUnavailable
from schemas.label import LabelId

ACCESS = AccessFilter(frozenset({LabelId(1)}), frozenset({"helpdesk"}))
NOBODY = AccessFilter(frozenset(), frozenset({"helpdesk"}))
DECAY = Decay({"helpdesk": Terms(86_400, 0.3)}, NOW_MS)
VECTOR = np.array([1.0, 0.0], dtype=np.float32)


def filled(store: MemoryStore, texts: dict[str, tuple[str, float]]) -> MemoryStore:
    for name, (text, cosine) in texts.items():
        vector = np.array([cosine, np.sqrt(1 - cosine**2)], dtype=np.float32)
        store.write([Version(name, row(name).position, (row(name, text=text, vector=vector),), 0)])
    return store


def retrieval(store: MemoryStore, text: str = "printer", access: AccessFilter = ACCESS) -> Retrieval:
    return Retrieval(store, access, DECAY, text, VECTOR)


def relevances(batch: Batch) -> dict[str, float]:
    return {one.found.row.record_id: one.relevance for one in batch.scored}


TEXTS = {"both": ("printer", 0.8), "meaning": ("device", 0.9), "word": ("printer", -0.5), "none": ("hall", 0.1)}


def test_hybrid_relevance_has_both_halves_of_every_chunk_however_few_are_fetched() -> None:
    store = filled(MemoryStore(), TEXTS)
    words = keyword_relevance(store.search_words(store.weigh_words("printer", ACCESS), ACCESS, 1)[0].similarity)
    dense, rest = DENSE_WEIGHT, 1 - DENSE_WEIGHT
    expected = {"both": dense * 0.8 + rest * words, "meaning": dense * 0.9, "word": rest * words, "none": dense * 0.1}
    for limit in (1, 2, 4, 5):
        found = relevances(retrieval(store).hybrid(limit, {}))
        assert found == pytest.approx({name: expected[name] for name in found})
        assert {"meaning", "both"} <= found.keys()
    assert retrieval(store).hybrid(5, {}).complete


def test_what_was_compared_is_told_and_what_was_not_is_none() -> None:
    store = filled(MemoryStore(), TEXTS)
    told = [
        (one.similarity is None, one.keyword is None)
        for name in ("dense", "keyword", "hybrid")
        for one in retrieval(store).by(name)(1, {}).scored[:1]
    ]  # type: ignore[arg-type]
    assert told == [(False, True), (True, False), (False, False)]


def test_keyword_relevance_rises_with_the_score_and_stays_below_one() -> None:
    values = [keyword_relevance(score) for score in (0.0, 1.0, 40.0, 1000.0)]
    assert values == sorted(values)
    assert (values[0], values[2], values[3] < 1) == (0.0, 0.5, True)


def test_a_dense_question_is_one_search_a_hybrid_one_at_most_five() -> None:
    store = filled(MemoryStore(), TEXTS)
    counted = {}
    for name in ("dense", "keyword", "hybrid"):
        one = retrieval(store)
        exact_top(one.by(name), DECAY, ACCESS.sources, Wanted(2))  # type: ignore[arg-type]
        counted[name] = one.searches
    assert counted == {"dense": 1, "keyword": 2, "hybrid": 3}


@pytest.mark.parametrize("name", ["dense", "keyword", "hybrid"])
def test_who_may_see_nothing_is_answered_without_a_search(name: str) -> None:
    one = retrieval(filled(MemoryStore(), TEXTS), access=NOBODY)
    batch = one.by(name)(5, {})  # type: ignore[arg-type]
    assert (batch.scored, batch.complete, one.searches) == ([], True, 0)


@pytest.mark.parametrize("name", ["dense", "keyword", "hybrid"])
def test_a_row_outside_the_filter_is_a_failure_and_not_a_hit(name: str) -> None:
    class Leaking(MemoryStore):
        def search(self, vector: Vector, access: AccessFilter, limit: int, within: Within = EVERYTHING) -> list[Found]:
            return [Found(row("x", label=LabelId(9)), 1.0)]

        def search_words(
            self, words: Weights, access: AccessFilter, limit: int, within: Within = EVERYTHING
        ) -> list[Found]:
            return [Found(row("x", source="secret"), 1.0)]

    with pytest.raises(FreshlineError, match="outside the filter"):
        retrieval(filled(Leaking(), TEXTS)).by(name)(5, {})  # type: ignore[arg-type]


def test_a_chunk_that_changes_between_the_searches_of_a_fetch_is_left_out_and_proves_nothing() -> None:
    class Changing(MemoryStore):
        def search_words(
            self, words: Weights, access: AccessFilter, limit: int, within: Within = EVERYTHING
        ) -> list[Found]:
            changed = row("both", text="printer printer", position="2", vector=VECTOR)
            self.write([Version("both", changed.position, (changed,), 1)])
            return super().search_words(words, access, limit, within)

    store = filled(Changing(), TEXTS)
    batch = retrieval(store).hybrid(10, {})
    assert ("both" in relevances(batch), batch.complete, batch.bound) == (False, False, 1.0)
    ranked = exact_top(retrieval(store).hybrid, DECAY, ACCESS.sources, Wanted(1))
    assert (ranked.records[0].found.row.position, ranked.exact) == ("2", True)


@pytest.mark.parametrize("name", ["keyword", "hybrid"])
def test_an_index_without_words_refuses_instead_of_answering_by_meaning_alone(name: str) -> None:
    class Old(MemoryStore):
        def weigh_words(self, text: str, access: AccessFilter) -> Weights:
            raise KeywordsUnavailable

    with pytest.raises(KeywordsUnavailable, match="freshline rebuild"):
        retrieval(filled(Old(), TEXTS)).by(name)(5, {})  # type: ignore[arg-type]
