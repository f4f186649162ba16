"""The embedder alone, in a process of its own, as each system has it: `python -m bench.ingest.alone HOW N SEED HOME`.

`best`: small batches of texts of like length, one thread a core, as the product embeds; nothing that embeds with this
model on these cores can be faster. `defaults`: fastembed as its documentation starts it, texts in order of arrival;
what a loop gets that hands it what has come.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import orjson
from fastembed import TextEmbedding

from bench.common.options import CORES, Options
from bench.events import new_texts
from index.chunk import chunk
from index.embedder import Embedder, Vectors
from index.models.catalogue import AUTO, MINILM
from index.models.files import prepared_folder
from index.models.load import load_embedder
from schemas.errors import Unavailable

WARM_UP = 50
BEST, DEFAULTS = "best", "defaults"


def seconds_alone(given: Options, how: str, texts: int, seed: int) -> float:
    """For `texts` texts, model and cores being warm."""
    command = [sys.executable, "-m", "bench.ingest.alone", how, str(texts), str(seed), str(given.product)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable("the embedder alone", done.stderr[-2000:])
    return float(json.loads(done.stdout)["seconds"])


def _embed(how: str, product: Path) -> Callable[[Sequence[str]], object]:
    """What embeds texts. One that is a little longer than the model reads is cut short by it, and cut in two by us."""
    if how == BEST:
        return partial(_best, load_embedder(AUTO, product, CORES))
    model = TextEmbedding(MINILM, specific_model_path=str(prepared_folder(product)))
    return lambda texts: list(model.embed(texts))


def _best(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    limit = embedder.spec.max_tokens
    long = {at for at, tokens in enumerate(embedder.count_tokens(texts)) if tokens > limit}
    cut = [part for at in long for part in chunk(texts[at], embedder.count_tokens, limit)]
    return embedder.embed_passages([*(text for at, text in enumerate(texts) if at not in long), *cut])


def main() -> None:
    how, texts, seed, product = sys.argv[1:]
    embed = _embed(how, Path(product))
    bodies = [
        cast(str, orjson.loads(event.value or b"")["after"]["body"]) for event in new_texts(int(texts), int(seed))
    ]
    embed(bodies[:WARM_UP])
    began = time.perf_counter()
    embed(bodies)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began}) + "\n")


if __name__ == "__main__":
    main()
