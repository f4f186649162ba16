"""The port to the embedder: texts in, unit vectors out, the same for the writer and the reader."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.errors import BrokenVector, TextTooLong, UnusableText

Vectors = NDArray[np.float32]

NORM_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """What a collection's vectors depend on; recorded with it. Vectors of two that differ must not meet.

    `max_tokens` counts prefix and special tokens. The prefixes are what the model card asks for, put before
    each text by the embedder itself. `fingerprint` names the weights: vectors of another fingerprint are not
    comparable.
    """

    name: str
    dimension: int
    max_tokens: int
    query_prefix: str = ""
    passage_prefix: str = ""
    fingerprint: str


class Embedder(Protocol):
    """Blocking and CPU-bound: call it off the event loop. Safe to call from several threads at once.

    A text's vector depends on that text and `spec` alone: never on its neighbours, their order, or the
    threads.
    """

    @property
    def spec(self) -> ModelSpec: ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32, shape (len(texts), dimension); row i belongs to texts[i].

        All or nothing: raises UnusableText, TextTooLong (both name the index) or BrokenVector.
        """
        ...

    def embed_question(self, text: str) -> Vectors:
        """The unit vector, float32, shape (dimension,), with which to search. Raises as `embed_passages`."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """What each text costs as a passage, prefix and special tokens included. Nothing is refused."""
        ...


def require_text(texts: Sequence[str]) -> None:
    """Raises UnusableText for the first text that is blank or holds half of a surrogate pair."""
    for index, text in enumerate(texts):
        if not text.strip():
            raise UnusableText(index, "it is empty")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise UnusableText(index, "it holds half of a surrogate pair, which is not a character")


def require_short(lengths: Sequence[int], limit: int) -> None:
    """Raises TextTooLong for the first length, in tokens, beyond `limit`."""
    for index, tokens in enumerate(lengths):
        if tokens > limit:
            raise TextTooLong(index, tokens, limit)


def require_unit(vectors: Vectors, dimension: int) -> None:
    """Raises BrokenVector unless every row is finite, of length one and of that dimension."""
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise BrokenVector(f"the model made vectors of shape {vectors.shape[1:]}, not ({dimension},)")
    norms = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(np.abs(norms - 1.0) <= NORM_TOLERANCE))
    if wrong.size:
        first = wrong[0]
        raise BrokenVector(f"the vector of text {first} has length {norms[first]}, not 1: the model is damaged")
