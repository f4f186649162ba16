"""A double of the embedder for tests and benches: no model, microseconds a text, same port, same promises."""

import re
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from index.embedder import ModelSpec, Vectors, require_short, require_text, require_unit

WORD = re.compile(r"\w+|[^\w\s]")
SPECIAL_TOKENS = 2
TOKEN_CHARACTERS = 8


class HashEmbedder:
    """A bag of hashed words: texts that share words are similar, word order and case do not matter.

    Weights are counts, hence never negative: no two words can cancel out to a zero vector.
    """

    def __init__(self, dimension: int = 256, max_tokens: int = 256) -> None:
        self.spec = ModelSpec(
            name="freshline/hash", dimension=dimension, max_tokens=max_tokens, fingerprint=f"hash-{dimension}"
        )

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        require_text(texts)
        require_short(self.count_tokens(texts), self.spec.max_tokens)
        vectors = np.zeros((len(texts), self.spec.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in WORD.findall(text.lower()):
                vectors[row, self._slot(word)] += 1.0
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        require_unit(vectors, self.spec.dimension)
        return vectors

    def embed_question(self, text: str) -> Vectors:
        vector: Vectors = self.embed_passages([text])[0]
        return vector

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """A word costs one token for every eight characters begun."""
        return [SPECIAL_TOKENS + sum(map(_cost, WORD.findall(text))) for text in texts]

    def _slot(self, word: str) -> int:
        return int.from_bytes(blake2b(word.encode(), digest_size=8).digest()) % self.spec.dimension


def _cost(word: str) -> int:
    return -(-len(word) // TOKEN_CHARACTERS)
