"""A program of ours with a cheap embedder in place of the model: `python -m bench.scale.cheap PROGRAM ARGUMENTS…`.

All else is as it is. The embedder stands behind the same port, and its vectors are as wide as the model's.
"""

import runpy
import sys
from pathlib import Path

from index.embedder import Embedder, ModelSpec
from index.hash_embedder import HashEmbedder
from index.models import load

DIMENSION = 384


def cheap_embedder() -> HashEmbedder:
    """The same vectors in every process."""
    return HashEmbedder(DIMENSION)


def _chosen(model: str, home: Path, cores: int) -> Embedder:  # noqa: ARG001 (the port's)
    return cheap_embedder()


def _recorded(spec: ModelSpec, home: Path, cores: int) -> Embedder:  # noqa: ARG001
    return cheap_embedder()


if __name__ == "__main__":
    load.load_embedder, load.load_recorded = _chosen, _recorded  # before whoever uses them is imported
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
