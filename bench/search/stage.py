"""The stage: Milvus Lite behind our launcher, the API as a process of its own beside it, and rows that grow."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket

from bench.common.options import Options
from bench.milvus import WRITTEN_AT_ONCE, server
from bench.retrieval.labelled import texts
from bench.search.company import labels
from bench.search.texts import Corpus
from index.embedder import Embedder
from index.milvus import MilvusStore
from index.milvus_generations import MilvusGenerations
from index.models.load import load_embedder
from index.store import Version
from query.tokens import generate_keys
from schemas.errors import Unavailable
from schemas.settings import PREFIX, Settings

MANY = "100000000/minute"
"""Nobody is turned away here for asking too often."""


@dataclass(slots=True)
class Index:
    """Rows in Milvus, more and more of them."""

    store: MilvusStore
    corpus: Corpus
    seed: int
    chunks: int = 0

    def grow(self, chunks: int) -> Iterator[int]:
        """Write until there are so many; tells how many there are."""
        while self.chunks < chunks:
            end = min(chunks, self.chunks + WRITTEN_AT_ONCE)
            rows = self.corpus.rows(self.chunks, end, self.seed)
            self.store.write([Version(row.record_id, row.position, (row,), 0) for row in rows])
            self.chunks = end
            yield end


@dataclass(frozen=True, slots=True)
class Stage:
    """All that is asked: the API's `port`, and what its parts are reached by."""

    port: int
    settings: Settings
    token: str
    embedder: Embedder
    index: Index
    pids: dict[str, int]


@contextmanager
def staged(folder: Path, options: Options) -> Iterator[Stage]:
    """An empty index and an API over it, in a new folder; both end with it."""
    here = Settings.load(os.environ)
    embedder = load_embedder(here.model, options.product, here.cores)
    (folder / "models").symlink_to(options.product / "models")
    generate_keys(folder / "keys")
    port = _free_port()
    with server(folder) as (uri, token):
        environ = _environment(folder, uri, port)
        settings = Settings.load(environ)
        generation = MilvusGenerations(uri, token, settings.collection).first(embedder.spec)
        store = MilvusStore(uri, token, settings.collection, timeout=60.0, generation=generation.number)
        with _api(folder, environ) as pid:
            yield Stage(port, settings, token, embedder, Index(store, _corpus(embedder), options.seed), {"api": pid})


def _corpus(embedder: Embedder) -> Corpus:
    said = texts()
    vectors = embedder.embed_passages([f"{text.title}\n\n{text.text}" for text in said])
    ids = [label.id for label in labels()]
    return Corpus(said, vectors, ids, time.time_ns() // 1_000_000)


def _environment(folder: Path, uri: str, port: int) -> dict[str, str]:
    given = {
        "home": str(folder),
        "milvus_uri": uri,
        "milvus_token_file": str(folder / "token"),
        "api_port": str(port),
        "rate_agent": MANY,
        "rate_tenant": MANY,
        "request_timeout": "120s",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return kept | {PREFIX + name.upper(): value for name, value in given.items()}


@contextmanager
def _api(folder: Path, environ: dict[str, str]) -> Iterator[int]:
    log, command = folder / "api.log", [sys.executable, "-m", "bench.search.service"]
    with (
        log.open("w") as kept,
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=kept, text=True) as process,
    ):
        try:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise Unavailable("the API", f"it did not start:\n{log.read_text()}")
            yield process.pid
        finally:
            process.terminate()


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
