"""A Milvus Lite server process for one test, rows to write into it, and writers that keep count."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import Any

import grpc
from pymilvus import DataType, MilvusClient, MilvusException

TOKEN = "a-token-for-this-test-only"
ROWS = "rows"
DIMENSION = 384
WAIT_S = 20


class Server:
    """One server process on its own folder and port, killed at the end of the test."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.log = folder / "log"
        self.token_file = folder / "token"
        self.token_file.write_text(TOKEN + "\n")
        self.port = free_port()
        self._process: subprocess.Popen[str] | None = None

    def start(self, memtable_mb: float = 0.2) -> "Server":
        self._process = self.spawn(self.data, self.port, memtable_mb)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", self.log.read_text()
        return self

    def spawn(self, data: Path, port: int, memtable_mb: float = 0.2) -> subprocess.Popen[str]:
        options = {"data": data, "port": port, "token-file": self.token_file, "memtable-mb": memtable_mb}
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        command = [sys.executable, "-m", "infra.local.milvus_server", *words]
        with self.log.open("a") as log:
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None, "start the server first"
        return self._process

    def end(self, how: signal.Signals = signal.SIGKILL) -> int:
        self.process.send_signal(how)
        return self.wait()

    def kill_if_running(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.end()

    def wait(self) -> int:
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(WAIT_S)

    def client(self, token: str = TOKEN) -> MilvusClient:
        # A channel of its own: it notices at once that the server is back.
        options = {"grpc.use_local_subchannel_pool": 1}
        uri = f"http://127.0.0.1:{self.port}"
        return MilvusClient(uri, token=token, grpc_options=options, dedicated=True)

    def files(self, pattern: str) -> list[Path]:
        return sorted((self.data / "collections" / ROWS).glob(pattern))


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {WAIT_S} s for {what}"
        time.sleep(0.01)


def create_rows(client: MilvusClient) -> None:
    schema = MilvusClient.create_schema(enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=200)
    schema.add_field("label", DataType.INT64)
    schema.add_field("source", DataType.VARCHAR, max_length=200)
    schema.add_field("version", DataType.INT64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIMENSION)
    indexes = client.prepare_index_params()
    indexes.add_index("vector", index_type="FLAT", metric_type="COSINE")
    indexes.add_index("label", index_type="INVERTED")
    client.create_collection(ROWS, schema=schema, index_params=indexes, properties={"freshline.model": "m1"})


def vector(seed: int) -> list[float]:
    return [float((seed * 31 + place * 17) % 101 + 1) for place in range(DIMENSION)]


def row(key: str, version: int = 1, label: int = 1) -> dict[str, Any]:
    return {"id": key, "label": label, "source": "s1", "version": version, "vector": vector(version)}


def versions(client: MilvusClient) -> dict[str, int]:
    found = client.query(ROWS, filter="version >= 0", output_fields=["id", "version"])
    return {hit["id"]: hit["version"] for hit in found}


class Writer:
    """Upserts rising versions of ten keys, and rows that it deletes again, until the server is gone."""

    def __init__(self, server: Server, name: str, first_version: int = 1) -> None:
        self.acknowledged: dict[str, int] = {}
        self.deleted: set[str] = set()
        self.rows = 0
        self._server, self._name, self._version = server, name, first_version

    def run(self, keep_trying: threading.Event) -> "Writer":
        """While `keep_trying` is set, a server that is away is tried again."""
        client = None
        while True:
            try:
                client = client or self._server.client()
                self._write_once(client)
            except (MilvusException, grpc.RpcError):
                if not keep_trying.is_set():
                    return self
                time.sleep(0.01)

    def _write_once(self, client: MilvusClient) -> None:
        self._version += 1
        batch = [row(f"{self._name}-{key}", self._version) for key in range(10)]
        client.upsert(ROWS, batch, timeout=WAIT_S)
        self.acknowledged |= {written["id"]: self._version for written in batch}
        self.rows += len(batch)
        passing = f"{self._name}-passing-{self._version}"
        client.upsert(ROWS, [row(passing)], timeout=WAIT_S)
        client.delete(ROWS, ids=[passing], timeout=WAIT_S)
        self.deleted.add(passing)


def assert_nothing_lost(found: dict[str, int], writers: list[Writer]) -> None:
    for writer in writers:
        older = {key: (v, found.get(key)) for key, v in writer.acknowledged.items() if found.get(key, -1) < v}
        assert older == {}, "acknowledged rows that are gone or older"
        assert writer.deleted & found.keys() == set(), "deleted rows that came back"
