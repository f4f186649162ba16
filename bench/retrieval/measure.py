"""Asks every question of the labelled set, by each kind of relevance, through the product's ranking."""

from collections.abc import Callable, Sequence
from statistics import mean

from bench.measures import ndcg
from bench.milvus import new_store, write
from bench.product import Asked, best
from bench.retrieval.labelled import Labelled, Text, questions, texts
from index.chunk import embedding_text
from index.embedder import Embedder
from index.milvus import MilvusStore
from index.store import Row
from query.ranking.decay import Decay, Terms
from schemas.access import AccessFilter
from schemas.answer import Relevance
from schemas.label import LabelId
from schemas.position import Position

SOURCE = "labelled"
EVERYBODY = LabelId(1)
NOW_MS = 1_800_000_000_000
K = 10
SAME_AGE = Decay({SOURCE: Terms(half_life_s=1.0, floor=1.0)}, NOW_MS)
KINDS: dict[str, Relevance] = {"dense": "dense", "bm25": "keyword", "hybrid": "hybrid"}
"""What is measured, by the name it has in the results."""

Scores = dict[str, list[float]]
"""Relevance -> nDCG of each question, in their order."""
Tell = Callable[[str], None]


def measure(uri: str, token: str, embedder: Embedder, tell: Tell) -> tuple[list[Labelled], Scores]:
    """nDCG@10 of each question; freshness is the same for all texts, everybody may see them."""
    documents, asked = texts(), questions()
    tell(f"embedding {len(documents)} texts")
    store = new_store(uri, token, embedder.spec)
    for written in write(store, rows(documents, embedder)):
        tell(f"{written} texts are searchable")
    scores = Scores()
    for name, relevance in KINDS.items():
        tell(f"asking {len(asked)} questions: {name}")
        scores[name] = [_ndcg(store, embedder, question, relevance) for question in asked]
    return asked, scores


def summary(asked: Sequence[Labelled], scores: Scores) -> dict[str, dict[str, float]]:
    """Means of all questions, of the half that constants were chosen on and the other, and of each kind: group -> …"""
    groups = {"all": [True] * len(asked)}
    groups |= {
        "chosen on": [one.chosen_on for one in asked],
        "held out": [not one.chosen_on for one in asked],
    }
    groups |= {kind: [one.kind == kind for one in asked] for kind in dict.fromkeys(one.kind for one in asked)}
    return {
        group: {
            "questions": sum(within),
            **{name: round(mean(_of(values, within)), 4) for name, values in scores.items()},
        }
        for group, within in groups.items()
    }


def rows(documents: Sequence[Text], embedder: Embedder) -> list[Row]:
    vectors = embedder.embed_passages([embedding_text(one.title, one.text) for one in documents])
    return [
        Row(
            record_id=one.name,
            source=SOURCE,
            table=f"{SOURCE}.texts",
            key="{}",
            position=Position(f"{number:016x}"),
            label=EVERYBODY,
            commit_ms=NOW_MS,
            event_ms=NOW_MS,
            chunk=0,
            chunks=1,
            title=one.title,
            text=one.text,
            url="",
            metadata="{}",
            text_hash=one.name,
            vector=vector,
        )
        for number, (one, vector) in enumerate(zip(documents, vectors, strict=True))
    ]


def _ndcg(store: MilvusStore, embedder: Embedder, question: Labelled, relevance: Relevance) -> float:
    access = AccessFilter(frozenset({EVERYBODY}), frozenset({SOURCE}))
    asked = Asked(question.ask, embedder.embed_question(question.ask))
    return ndcg(best(store, access, SAME_AGE, asked, relevance, K).records, question.grades, K)


def _of(values: Sequence[float], within: Sequence[bool]) -> list[float]:
    return [value for value, is_within in zip(values, within, strict=True) if is_within]
