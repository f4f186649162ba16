"""Optional: the best hits again, in the order of a cross-encoder, which reads question and chunk together."""

import math
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from fastembed.common.model_description import ModelSource
from fastembed.rerank.cross_encoder import TextCrossEncoder

from index.chunk import embedding_text
from query.hits import Shown
from query.source.confirm import Leaving
from schemas.errors import Misconfigured
from schemas.settings import Settings

POOL = 3
"""Hits that are read for each that is wanted."""
MOST_READ = 50
MODEL_FILE = "model.onnx"


class Reranker(Protocol):
    """Compares a question with texts."""

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """One for each text: any number, higher is better; the same for the same pair, whatever else is asked."""


def pool_of(limit: int) -> int:
    """How many hits are read for so many that are wanted."""
    return min(MOST_READ, POOL * limit)


def rerank(reranker: Reranker, query: str, best: Sequence[Leaving], limit: int) -> list[Shown]:
    """The first `limit` by sigmoid(score) × freshness; equals in the order they came in."""
    rows = [each.scored.found.row for each in best]
    scores = reranker.scores(query, [embedding_text(row.title, row.text) for row in rows]) if rows else []
    read = [(_sigmoid(score), each) for each, score in zip(best, scores, strict=True)]
    ordered = sorted(read, key=lambda one: -one[0] * one[1].scored.freshness)
    return [Shown(each, score) for score, each in ordered[:limit]]


class CrossEncoder:
    """A reranker of fastembed. One question at a time: it takes all cores given to it.

    `model`: a folder that holds model.onnx and its tokenizer's files, or the name of a model that fastembed knows and
    that is in its cache. Nothing is fetched. Raises Misconfigured for one that cannot be loaded.
    """

    def __init__(self, model: str, cores: int) -> None:
        self._alone = Lock()
        try:
            self._model = _load(model, cores)
        except Exception as error:
            raise Misconfigured(
                f"the reranker {model!r} cannot be loaded ({type(error).__name__}): set FRESHLINE_RERANKER to a folder "
                f"with {MODEL_FILE} and its tokenizer files, or to a model in fastembed's cache"
            ) from error

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        # Each alone: padding to others would change a score by a little.
        with self._alone:
            return [float(score) for text in texts for score in self._model.rerank(query, [text])]


def reranker_of(settings: Settings) -> Reranker | None:
    """The reranker that the settings name, None for none. Raises as `CrossEncoder`."""
    return CrossEncoder(settings.reranker, settings.cores) if settings.reranker else None


def _load(model: str, cores: int) -> TextCrossEncoder:
    options: dict[str, Any] = {"threads": cores, "providers": ["CPUExecutionProvider"], "local_files_only": True}
    folder = Path(model)
    if not folder.is_dir():
        return TextCrossEncoder(model, **options)
    name = f"folder/{abs(hash(folder.resolve()))}"
    known = {each["model"] for each in TextCrossEncoder.list_supported_models()}
    if name not in known:
        TextCrossEncoder.add_custom_model(name, sources=ModelSource(url="file:///" + name), model_file=MODEL_FILE)
    return TextCrossEncoder(name, specific_model_path=str(folder), cache_dir=str(folder), **options)


def _sigmoid(score: float) -> float:
    if math.isnan(score):
        return 0.0
    return 1 / (1 + math.exp(-max(-500.0, min(500.0, score))))
