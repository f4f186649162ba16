"""An index for a measurement: Milvus Lite behind our launcher, on a folder and a port of its own."""

import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import socket

from pymilvus import MilvusClient

from index.embedder import ModelSpec
from index.milvus import MilvusStore
from index.milvus_schema import Names, make_collections
from index.store import Row, Version

INDEX = "bench"
WRITTEN_AT_ONCE = 1_000


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, str]]:
    """Its address and token."""
    token, log = folder / "token", folder / "log"
    token.write_text(secrets.token_hex(16))
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--data", folder / "data", "--port", port, "--token-file", token]
    command = [sys.executable, "-m", "infra.local.milvus_server", *map(str, options)]
    with log.open("w") as kept, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=kept, text=True) as process:
        try:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise SystemExit(f"Milvus Lite did not start:\n{log.read_text()}")
            yield f"http://127.0.0.1:{port}", token.read_text()
        finally:
            process.terminate()


def new_store(uri: str, token: str, spec: ModelSpec) -> MilvusStore:
    """An empty index for vectors of this kind."""
    make_collections(MilvusClient(uri, token=token), Names(INDEX, 1), spec)
    return MilvusStore(uri, token, INDEX, timeout=60.0, generation=1)


def write(store: MilvusStore, rows: Sequence[Row]) -> Iterator[int]:
    """Write records; after each part, tells how many rows are written. Rows of one record stand together."""
    records: dict[str, list[Row]] = {}
    for row in rows:
        records.setdefault(row.record_id, []).append(row)
    versions = [Version(name, chunks[0].position, tuple(chunks), 0) for name, chunks in records.items()]
    written = 0
    for start in range(0, len(versions), WRITTEN_AT_ONCE):
        part = versions[start : start + WRITTEN_AT_ONCE]
        store.write(part)
        written += sum(len(version.rows) for version in part)
        yield written
