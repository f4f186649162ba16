"""Asks the same questions of the product, of brute force and of Milvus's decay ranker."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import mean
from time import perf_counter
from typing import Any

from pymilvus import MilvusClient

from bench.measures import overlap, spread
from bench.product import best
from bench.ranking.brute import Brute
from bench.ranking.company import Company, Drawn, decay
from bench.ranking.milvus_decay import best_chunks
from index.milvus import MilvusStore
from query.ranking.decay import Decay
from schemas.answer import Relevance

K = 10
HALF_LIFE_S = 14 * 86_400.0
"""The one half-life, without a floor, of the comparison with Milvus's decay ranker: it has no more than one."""
BY_RELEVANCE: tuple[Relevance, ...] = ("dense", "keyword", "hybrid")
ONE_HALF_LIFE, MILVUS_DECAY, SEARCH = "one_half_life", "milvus_decay", "one_search"
NAMES = (*BY_RELEVANCE, ONE_HALF_LIFE, MILVUS_DECAY, SEARCH)


@dataclass(frozen=True, slots=True)
class Taken:
    """One question asked one way. `overlap` with brute force; `searches` of the index; `exact`: said to be proven."""

    percent: int
    overlap: float
    exact: bool
    searches: int
    ms: float


@dataclass(slots=True)
class Bench:
    """The index, all that is in it, and what was measured so far, by name."""

    store: MilvusStore
    client: MilvusClient
    company: Company
    taken: dict[str, list[Taken]] = field(default_factory=lambda: {name: [] for name in NAMES})

    def run(self, questions: Sequence[Drawn]) -> Iterator[int]:
        """Ask them all; tells how many are done."""
        brute, own, one = Brute(self.company), decay(), decay(HALF_LIFE_S)
        for number, drawn in enumerate(questions, 1):
            for relevance in BY_RELEVANCE:
                self._ours(brute, drawn, own, relevance, relevance)
            self._ours(brute, drawn, one, "dense", ONE_HALF_LIFE)
            self._milvus(brute, drawn, one)
            yield number

    def _ours(self, brute: Brute, drawn: Drawn, terms: Decay, relevance: Relevance, name: str) -> None:
        right = brute.best_records(brute.scores(drawn.access, terms, drawn.asked, relevance), K)
        found = best(self.store, drawn.access, terms, drawn.asked, relevance, K)
        taken = Taken(drawn.percent, overlap(found.records, right), found.exact, found.searches, found.ms)
        self.taken[name].append(taken)

    def _milvus(self, brute: Brute, drawn: Drawn, terms: Decay) -> None:
        right = brute.best_chunks(brute.scores(drawn.access, terms, drawn.asked, "dense"), K)
        found, ms = best_chunks(self.client, drawn.access, drawn.asked, HALF_LIFE_S, K)
        self.taken[MILVUS_DECAY].append(Taken(drawn.percent, overlap(found, right), False, 1, ms))
        self.taken[SEARCH].append(self._search(drawn))

    def _search(self, drawn: Drawn) -> Taken:
        """What one search for the k most similar costs, as a unit for the others."""
        began = perf_counter()
        self.store.search(drawn.asked.vector, drawn.access, K)
        return Taken(drawn.percent, 0.0, False, 1, (perf_counter() - began) * 1000)


def summary(taken: dict[str, list[Taken]], ndcg: dict[str, float]) -> dict[str, Any]:
    """What the results file says."""
    medians = {name: spread([one.ms for one in all_]) for name, all_ in taken.items()}
    unit = medians[SEARCH]["p50"]
    ranked = {name: all_ for name, all_ in taken.items() if name != SEARCH}
    return {
        **{f"overlap_{name}": _overlap(all_) for name, all_ in ranked.items()},
        "ndcg": ndcg,
        "overlap_by_visible": {
            name: {f"{percent} %": _overlap(some) for percent, some in _by_percent(all_).items()}
            for name, all_ in ranked.items()
        },
        "exact": {name: _share(taken[name]) for name in (*BY_RELEVANCE, ONE_HALF_LIFE)},
        "searches_per_question": {name: spread([one.searches for one in all_]) for name, all_ in ranked.items()},
        "latency_ms": medians,
        "ratios": {f"{name} / {SEARCH}": round(medians[name]["p50"] / unit, 2) for name in ranked},
    }


def _overlap(taken: Sequence[Taken]) -> float:
    return round(mean(one.overlap for one in taken), 4)


def _share(taken: Sequence[Taken]) -> float:
    return round(mean(one.exact for one in taken), 4)


def _by_percent(taken: Sequence[Taken]) -> dict[int, list[Taken]]:
    return {percent: [one for one in taken if one.percent == percent] for percent in sorted({t.percent for t in taken})}
