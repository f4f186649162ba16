"""The right answer, by computing the score of every permitted row: the stated formula, and nothing clever.

score     = relevance × (floor + (1 − floor) × 2^(−age / half-life))
relevance = cosine, cut at 0 (dense); of BM25 alone (keyword); or both, weighted (hybrid): query/ranking/README.md
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.product import Asked
from bench.ranking.company import Company
from index.chunk import embedding_text
from index.words import Weights, occurrences, question_words, weighed
from query.ranking.decay import Decay
from query.ranking.relevance import DENSE_WEIGHT, keyword_relevance
from schemas.access import AccessFilter
from schemas.answer import Relevance

Scores = NDArray[np.float64]


class Brute:
    """Knows every row of a company."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._labels = np.array([row.label for row in company.rows])
        self._sources = np.array([row.source for row in company.rows])
        self._events_ms = np.array([row.event_ms for row in company.rows])
        self._words = [occurrences(embedding_text(row.title, row.text)) for row in company.rows]
        self._by_word: dict[int, list[int]] = {}
        for number, held in enumerate(self._words):
            for word in held:
                self._by_word.setdefault(word, []).append(number)

    def scores(self, access: AccessFilter, decay: Decay, asked: Asked, relevance: Relevance) -> Scores:
        """Of each row, permitted or not; -1 for those that are not, and for those without any word that is asked."""
        shown = np.isin(self._labels, [*access.labels]) & np.isin(self._sources, [*access.sources])
        similarity = np.maximum(0.0, self._company.vectors @ asked.vector.astype(np.float64))
        if relevance == "dense":
            return np.where(shown, similarity * self._freshness(decay), -1.0)
        bm25 = self._bm25(asked.text, shown)
        keyword = np.array([keyword_relevance(score) if score else 0.0 for score in bm25])
        if relevance == "keyword":
            return np.where(shown & (bm25 > 0), keyword * self._freshness(decay), -1.0)
        both = DENSE_WEIGHT * similarity + (1 - DENSE_WEIGHT) * keyword
        return np.where(shown, both * self._freshness(decay), -1.0)

    def best_records(self, scores: Scores, k: int) -> list[str]:
        """Each record by its best chunk; ties go to the later event, then to the smaller record id."""
        rows = self._company.rows
        return list(dict.fromkeys(rows[number].record_id for number in self._order(scores)))[:k]

    def best_chunks(self, scores: Scores, k: int) -> list[str]:
        return [self._company.rows[number].chunk_id for number in self._order(scores)[:k]]

    def _order(self, scores: Scores) -> Sequence[int]:
        rows = self._company.rows
        shown = [int(number) for number in np.flatnonzero(scores >= 0)]
        return sorted(shown, key=lambda n: (-scores[n], -rows[n].event_ms, rows[n].record_id, rows[n].chunk))

    def _freshness(self, decay: Decay) -> Scores:
        fresh = np.zeros(len(self._sources))
        age_s = np.maximum(0, decay.now_ms - self._events_ms) / 1000
        for source, terms in decay.terms.items():
            of_source = terms.floor + (1 - terms.floor) * np.exp2(-age_s / terms.half_life_s)
            fresh = np.where(self._sources == source, of_source, fresh)
        return fresh

    def _bm25(self, text: str, permitted: NDArray[np.bool_]) -> Scores:
        """Words weigh by how many permitted chunks have them."""
        numbers = {word: self._by_word.get(word, []) for word in question_words(text)}
        weights: Weights = weighed({word: int(permitted[held].sum()) for word, held in numbers.items()})
        scores = np.zeros(len(self._words))
        for word, weight in weights.items():
            for number in numbers[word]:
                scores[number] += weight * self._words[number][word]
        return scores
