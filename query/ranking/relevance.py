"""Relevance of chunks to a question: by meaning, by words, or both; fetched best first, with what is unseen bounded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from index.store import ChunkReader, Found, Vector, Within
from index.words import Weights, idf, question_words
from query.ranking.decay import Decay
from query.ranking.scored import Scored
from schemas.access import AccessFilter
from schemas.answer import Relevance
from schemas.errors import FreshlineError

DENSE_WEIGHT = 0.5
"""Of meaning in hybrid relevance; words have the rest."""
HALFWAY = 40.0
"""The BM25 score whose keyword relevance is one half."""
NOISE = 1e-6
"""A similarity may differ by so much between two searches, by the order in which floats are added."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Chunks of one fetch. No chunk within it that is not among them is more relevant than `bound`; if `complete`,
    there is none."""

    scored: list[Scored]
    bound: float
    complete: bool


class Fetch(Protocol):
    """About the `limit` most relevant chunks within."""

    def __call__(self, limit: int, events_from: Mapping[str, int], /) -> Batch: ...


def keyword_relevance(bm25: float) -> float:
    """Between 0 and 1, rising with the score and with nothing else: a chance word weighs little, a code or most of the
    words much."""
    return bm25**2 / (bm25**2 + HALFWAY**2)


@dataclass(slots=True)
class Retrieval:
    """The searches of one question within one filter; `searches` counts them. What words weigh is counted within what
    `counted` gives, a part of that filter (all of it by default): there must be nothing in it that the asker may not
    know of. It is asked only where words are compared.

    Raises KeywordsUnavailable where words are to be compared and the index has none, and FreshlineError for a row
    outside the filter.
    """

    store: ChunkReader
    access: AccessFilter
    decay: Decay
    text: str
    vector: Vector
    counted: Callable[[], AccessFilter] | None = None
    searches: int = 0
    _words: Weights | None = field(default=None, repr=False)

    def by(self, relevance: Relevance) -> Fetch:
        return {"dense": self.dense, "keyword": self.keyword, "hybrid": self.hybrid}[relevance]

    def dense(self, limit: int, events_from: Mapping[str, int], /) -> Batch:
        found = self._similar(limit, Within(events_from))
        scored = [self._scored(one, one.similarity, None) for one in found]
        complete = len(found) < limit
        return Batch(scored, _bound(0.0 if complete else found[-1].similarity), complete)

    def keyword(self, limit: int, events_from: Mapping[str, int], /) -> Batch:
        found = self._matching(limit, Within(events_from))
        scored = [self._scored(one, None, one.similarity) for one in found]
        complete = len(found) < limit
        return Batch(scored, _bound(0.0 if complete else keyword_relevance(found[-1].similarity)), complete)

    def hybrid(self, limit: int, events_from: Mapping[str, int], /) -> Batch:
        """Both lists, and for what is in one of them alone the other score, asked for by its id.

        A chunk that changed between these searches is left out, and nothing is said to be proven by this fetch.
        """
        within = Within(events_from)
        similar, matching = self._similar(limit, within), self._matching(limit, within)
        all_similar, all_matching = len(similar) < limit, len(matching) < limit
        bound = DENSE_WEIGHT * (0.0 if all_similar else max(0.0, similar[-1].similarity))
        bound += (1 - DENSE_WEIGHT) * (0.0 if all_matching else keyword_relevance(matching[-1].similarity))
        dense = {one.row.chunk_id: one for one in similar}
        words = {one.row.chunk_id: one for one in matching}
        if alone := words.keys() - dense.keys():
            dense |= self._by_id(self._similar(len(alone), replace(within, among=frozenset(alone))))
        if not all_matching and (alone := dense.keys() - words.keys()):
            words |= self._by_id(self._matching(len(alone), replace(within, among=frozenset(alone))))
        torn = {name for name, one in words.items() if name not in dense or dense[name].row != one.row}
        scored = [
            self._scored(one, one.similarity, words[name].similarity if name in words else 0.0)
            for name, one in dense.items()
            if name not in torn
        ]
        return Batch(scored, 1.0, False) if torn else Batch(scored, _bound(bound), all_similar)

    def _scored(self, found: Found, similarity: float | None, bm25: float | None) -> Scored:
        dense = None if similarity is None else max(0.0, similarity)
        words = None if bm25 is None else keyword_relevance(bm25)
        if dense is None or words is None:
            relevance = (dense or 0.0) + (words or 0.0)
        else:
            relevance = DENSE_WEIGHT * dense + (1 - DENSE_WEIGHT) * words
        return Scored(found, relevance, self.decay.freshness(found), dense, bm25)

    def _similar(self, limit: int, within: Within) -> list[Found]:
        if self.access.empty:
            return []
        self.searches += 1
        return self._permitted(self.store.search(self.vector, self.access, limit, within))

    def _matching(self, limit: int, within: Within) -> list[Found]:
        if self.access.empty:
            return []
        if self._words is None:
            self.searches += 1
            self._words = self._weighed()
        if not self._words:
            return []
        self.searches += 1
        return self._permitted(self.store.search_words(self._words, self.access, limit, within))

    def _weighed(self) -> Weights:
        """A word that is in nothing that is counted may be in the rest: it weighs as one that is in none."""
        counted = self.access if self.counted is None else self.counted()
        if counted == self.access:
            return self.store.weigh_words(self.text, self.access)
        uncounted = dict.fromkeys(question_words(self.text), idf(0))
        return uncounted | dict(self.store.weigh_words(self.text, counted))

    def _permitted(self, found: list[Found]) -> list[Found]:
        """A row that the filter should have kept out is a failure."""
        if any(f.row.label not in self.access.labels or f.row.source not in self.access.sources for f in found):
            raise FreshlineError("the index returned a row outside the filter it was given; nothing is shown")
        return found

    @staticmethod
    def _by_id(found: list[Found]) -> dict[str, Found]:
        return {one.row.chunk_id: one for one in found}


def _bound(relevance: float) -> float:
    return max(0.0, relevance) + NOISE
