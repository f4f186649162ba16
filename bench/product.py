"""The product's own ranking, asked without its door: what a measurement compares with something else."""

from dataclasses import dataclass
from time import perf_counter

from index.milvus import MilvusStore
from index.store import Vector
from query.ranking.decay import Decay
from query.ranking.relevance import Retrieval
from query.ranking.top import Wanted, exact_top
from schemas.access import AccessFilter
from schemas.answer import Relevance


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as ranking gets it."""

    text: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class Outcome:
    """Record ids, best first; whether they are proven; what it took: searches of the index, milliseconds."""

    records: list[str]
    exact: bool
    searches: int
    ms: float


def best(store: MilvusStore, access: AccessFilter, decay: Decay, asked: Asked, relevance: Relevance, k: int) -> Outcome:
    """The k best permitted records."""
    began = perf_counter()
    retrieval = Retrieval(store, access, decay, asked.text, asked.vector)
    ranked = exact_top(retrieval.by(relevance), decay, access.sources, Wanted(k))
    ms = (perf_counter() - began) * 1000
    records = [one.found.row.record_id for one in ranked.records[:k]]
    return Outcome(records, ranked.exact, retrieval.searches, ms)
