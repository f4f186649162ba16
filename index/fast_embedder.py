"""The embedder on fastembed: one shared ONNX session, one thread per core, little padding."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from math import ceil
from pathlib import Path

import numpy as np
from fastembed import TextEmbedding
from tokenizers import Tokenizer

from index.embedder import ModelSpec, Vectors, require_short, require_text, require_unit

BATCH, BATCH_TOKENS = 8, 256
"""Texts computed together, and their tokens, padding included: each is padded to the longest. Short texts are quicker
together, long ones alone."""
LENGTHS_REMEMBERED, LONGEST_REMEMBERED = 1024, 8_000
"""Texts whose number of tokens is at hand, and characters of the longest: who cuts a text has just counted what comes
to be embedded."""


class FastEmbedder:
    """Vectors are fp32 and bit-identical whatever the batch, its order and the number of cores.

    `folder` holds the ONNX file under the name fastembed expects, with its tokenizer files: nothing is
    fetched.
    """

    def __init__(self, spec: ModelSpec, folder: Path, cores: int) -> None:
        """Loads the weights, about half a second. Raises whatever fastembed does of files it cannot read."""
        self.spec = spec
        self._model = TextEmbedding(
            spec.name,
            specific_model_path=str(folder),
            cache_dir=str(folder),  # else fastembed makes an empty folder in the system's temporary one
            threads=1,
            providers=["CPUExecutionProvider"],
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._length = lru_cache(maxsize=LENGTHS_REMEMBERED)(self._counted)
        self._cores = cores
        self._pool = ThreadPoolExecutor(max_workers=cores, thread_name_prefix="embed")

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, self.spec.passage_prefix)

    def embed_question(self, text: str) -> Vectors:
        vector: Vectors = self._embed([text], self.spec.query_prefix)[0]
        return vector

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._lengths([self.spec.passage_prefix + text for text in texts])

    def _embed(self, texts: Sequence[str], prefix: str) -> Vectors:
        require_text(texts)
        prefixed = [prefix + text for text in texts]
        lengths = self._lengths(prefixed)
        require_short(lengths, self.spec.max_tokens)
        batches = batched(lengths, min(BATCH, ceil(len(texts) / self._cores)))  # few texts: each core has its share
        rows = self._run([[prefixed[index] for index in batch] for batch in batches])
        vectors = np.empty_like(rows)
        vectors[[index for batch in batches for index in batch]] = rows
        require_unit(vectors, self.spec.dimension)
        return vectors

    def _run(self, batches: list[list[str]]) -> Vectors:
        """The rows of all batches, one after another."""
        if not batches:
            return np.empty((0, self.spec.dimension), dtype=np.float32)
        if len(batches) == 1:  # the usual case, a question or a single change: spare the hand-over
            return self._batch(batches[0])
        return np.concatenate(list(self._pool.map(self._batch, batches)))

    def _batch(self, texts: list[str]) -> Vectors:
        return np.stack(list(self._model.embed(texts, batch_size=len(texts)))).astype(np.float32, copy=False)

    def _lengths(self, texts: list[str]) -> list[int]:
        return [(self._length if len(text) <= LONGEST_REMEMBERED else self._counted)(text) for text in texts]

    def _counted(self, text: str) -> int:
        return len(self._tokenizer.encode_batch_fast([text])[0].ids)


def batched(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Indexes of texts of these lengths in batches of like length, `most` in one and BATCH_TOKENS, or one text alone.

    Longest first, so that no core is left with a long batch while the others are done.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        last = batches[-1] if batches else []
        if last and len(last) < most and lengths[last[0]] * (len(last) + 1) <= BATCH_TOKENS:
            last.append(index)
        else:
            batches.append([index])
    return batches
