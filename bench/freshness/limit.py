"""What the model alone takes of the machine: how many of these texts a second it could embed with nothing beside it."""

import time
from collections.abc import Sequence
from random import Random

from bench.common.options import CORES, Options
from bench.events.texts import Texts
from index.embedder import Embedder
from index.models.catalogue import AUTO
from index.models.load import load_embedder

TEXTS, TOGETHER = 300, 20
ONE, SOME = "one at a time", f"{TOGETHER} at a time, on both cores"


def embedder_alone(options: Options) -> dict[str, float]:
    """Texts a second: as single changes come to it, and as it is handed those that came while it was at work."""
    texts = Texts(Random(options.seed))
    bodies = [texts.short() for _ in range(options.size(TEXTS, 60))]
    embedder = load_embedder(AUTO, options.product, CORES)
    embedder.embed_passages(bodies[:TOGETHER])
    return {ONE: _rate(embedder, bodies, 1), SOME: _rate(embedder, bodies, TOGETHER)}


def _rate(embedder: Embedder, texts: Sequence[str], size: int) -> float:
    began = time.perf_counter()
    for start in range(0, len(texts), size):
        embedder.embed_passages(texts[start : start + size])
    return round(len(texts) / (time.perf_counter() - began), 1)
