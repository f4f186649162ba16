"""Embedding ahead: while a batch is written, texts of those after it are embedded, so that no core waits for Milvus.

A vector depends on its text alone. So what is computed early is never wrong, at worst needless: what to write, and
which texts that takes, is decided only when it is the batch's turn.
"""

import contextlib
import sys
from collections.abc import Sequence
from threading import Lock

import numpy as np

from index.embedder import Embedder
from index.errors import TextTooLong, UnusableText
from index.store import Vector
from streams.remembered import Remembered

MOST_BYTES = 32 * 1024 * 1024
"""Of texts and their vectors at hand: more than the batches take that are in hand at once."""


class Ahead:
    """An embedder with a short memory. Safe to call from several threads; one of them computes at a time."""

    def __init__(self, embedder: Embedder, most_bytes: int = MOST_BYTES) -> None:
        self._embedder = embedder
        self._remembered = Remembered[str, Vector](most_bytes)
        self._computing = Lock()
        self._seen = self._told = 0

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """As `Embedder.embed_passages`, but that an error names the index of a text among all that are given."""
        known = self._known(texts)
        if len(known) < len({*texts}):  # else who writes would wait while others compute what it has no need of
            with self._computing:
                known |= self._known(texts)
                missing = [text for text in dict.fromkeys(texts) if text not in known]
                try:
                    known |= self._compute(missing)
                except (UnusableText, TextTooLong) as error:
                    error.index = list(texts).index(missing[error.index])
                    raise
        return [known[text] for text in texts]

    def foresee(self, texts: Sequence[str]) -> None:
        """Embed what will be asked for soon. A text that the model does not take is no failure yet."""
        with contextlib.suppress(UnusableText, TextTooLong):
            self.embed(texts)

    def seen(self) -> int:
        """How many texts the model was given since this was last asked, whoever will need them."""
        since = self._seen - self._told
        self._told += since
        return since

    def _known(self, texts: Sequence[str]) -> dict[str, Vector]:
        found = ((text, self._remembered.get(text)) for text in texts)
        return {text: vector for text, vector in found if vector is not None}

    def _compute(self, texts: Sequence[str]) -> dict[str, Vector]:
        if not texts:
            return {}
        vectors = self._embedder.embed_passages(texts)
        self._seen += len(texts)
        computed = {text: np.array(vector) for text, vector in zip(texts, vectors, strict=True)}
        for text, vector in computed.items():
            self._remembered.put(text, vector, sys.getsizeof(text) + vector.nbytes)
        return computed
