"""A BERT sentence encoder in double precision numpy, one text at a time: slow, plain, the fast one's measure.

It shares no code with the ONNX graph, so that a mistake in one shows as a difference.
"""

from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

from index.models.files import BertShape
from index.models.safetensors import Tensors

Matrix = NDArray[np.float64]

_erf = np.vectorize(erf, otypes=[np.float64])


class ReferenceEncoder:
    def __init__(self, tensors: Tensors, shape: BertShape) -> None:
        self._weights = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
        self._shape = shape

    def embed(self, ids: list[int]) -> Matrix:
        """The unit vector, shape (hidden,), of one text given by its token ids, special tokens included."""
        states = self._embeddings(ids)
        for layer in range(self._shape.layers):
            name = f"encoder.layer.{layer}"
            attended = self._linear(self._attention(states, f"{name}.attention.self"), f"{name}.attention.output.dense")
            states = self._norm(states + attended, f"{name}.attention.output.LayerNorm")
            inner = self._linear(states, f"{name}.intermediate.dense")
            inner = 0.5 * inner * (1.0 + _erf(inner / sqrt(2.0)))
            states = self._norm(states + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        mean = states.mean(axis=0)
        unit: Matrix = mean / np.linalg.norm(mean)
        return unit

    def _embeddings(self, ids: list[int]) -> Matrix:
        words = self._weights["embeddings.word_embeddings.weight"][ids]
        places = self._weights["embeddings.position_embeddings.weight"][: len(ids)]
        sentence = self._weights["embeddings.token_type_embeddings.weight"][0]
        return self._norm(words + places + sentence, "embeddings.LayerNorm")

    def _attention(self, states: Matrix, name: str) -> Matrix:
        queries, keys, values = (
            np.split(self._linear(states, f"{name}.{part}"), self._shape.heads, axis=1)
            for part in ("query", "key", "value")
        )
        return np.hstack([_attend(q, k, v) for q, k, v in zip(queries, keys, values, strict=True)])

    def _linear(self, states: Matrix, name: str) -> Matrix:
        projected: Matrix = states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return projected

    def _norm(self, states: Matrix, name: str) -> Matrix:
        centred = states - states.mean(axis=1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + self._shape.epsilon)
        scaled: Matrix = centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return scaled


def _attend(query: Matrix, key: Matrix, value: Matrix) -> Matrix:
    scores = query @ key.T / sqrt(query.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    attended: Matrix = weights / weights.sum(axis=1, keepdims=True) @ value
    return attended
