"""Is the converted model what it claims to be? Asked of published numbers and an independent computation."""

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from index.errors import ModelDamaged
from index.fast_embedder import FastEmbedder
from index.models.files import TOKENIZER, bert_shape
from index.models.reference import ReferenceEncoder
from index.models.safetensors import Tensors

MINIMUM_COSINE = 0.99999

# As printed in the Sentence Transformers documentation (usage; textual similarity), to four decimals.
PUBLISHED_SIMILARITIES = (
    ("The weather is lovely today.", "It's so sunny outside!", 0.6660),
    ("The weather is lovely today.", "He drove to the stadium.", 0.1046),
    ("It's so sunny outside!", "He drove to the stadium.", 0.1411),
    ("The new movie is awesome", "The dog plays in the garden", 0.0543),
    ("The new movie is awesome", "The new movie is so great", 0.8939),
    ("The new movie is awesome", "A woman watches TV", -0.0502),
    ("The cat sits outside", "The dog plays in the garden", 0.2838),
    ("The cat sits outside", "The new movie is so great", -0.0029),
    ("The cat sits outside", "A woman watches TV", 0.1310),
    ("A man is playing guitar", "The dog plays in the garden", 0.2277),
    ("A man is playing guitar", "The new movie is so great", -0.0136),
    ("A man is playing guitar", "A woman watches TV", -0.0327),
)
SIMILARITY_TOLERANCE = 1e-4

# The head of this text's vector, as fastembed's own tests expect it of the official file.
PUBLISHED_TEXT = "hello world"
PUBLISHED_HEAD = np.array([-0.034478, 0.03102, 0.00673, 0.02611, -0.039362], dtype=np.float32)
HEAD_TOLERANCE = 1e-5

SAMPLES = (
    "invoice 4711",
    "The customer's card was charged twice; refund the second payment & close ticket #12-B.",
    "Ünïcode, 東京の天気, emoji 🎉 and\n\ta tab",
    "Restart the broker, wait for the partitions to be reassigned, then look at the consumer's lag again. " * 8,
)


def verify(embedder: FastEmbedder, tensors: Tensors, folder: Path) -> float:
    """The lowest cosine between the model and the double-precision reference, over a few texts.

    Raises ModelDamaged if it is below 0.99999, or if a published number is missed.
    """
    _check_published(embedder)
    lowest = lowest_cosine(embedder, tensors, folder, SAMPLES)
    if not lowest >= MINIMUM_COSINE:
        raise ModelDamaged(f"the converted model differs from the reference: cosine {lowest:.6f}; it is not used")
    return lowest


def lowest_cosine(embedder: FastEmbedder, tensors: Tensors, folder: Path, texts: tuple[str, ...]) -> float:
    """The worst agreement with the reference over `texts`; 1.0 is perfect."""
    reference = ReferenceEncoder(tensors, bert_shape(folder))
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_padding()
    vectors = embedder.embed_passages(texts).astype(np.float64)
    return min(
        float(vector @ reference.embed(tokenizer.encode(text).ids) / np.linalg.norm(vector))
        for vector, text in zip(vectors, texts, strict=True)
    )


def _check_published(embedder: FastEmbedder) -> None:
    first, second, expected = zip(*PUBLISHED_SIMILARITIES, strict=True)
    found = (embedder.embed_passages(first) * embedder.embed_passages(second)).sum(axis=1)
    error = float(np.abs(found - np.array(expected)).max())
    head = embedder.embed_question(PUBLISHED_TEXT)[: len(PUBLISHED_HEAD)]
    if not (error <= SIMILARITY_TOLERANCE and np.allclose(head, PUBLISHED_HEAD, rtol=0, atol=HEAD_TOLERANCE)):
        raise ModelDamaged(f"the converted model misses published similarities by {error:.4f}; it is not used")
