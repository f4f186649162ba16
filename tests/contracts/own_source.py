"""A source of a live test's own: a schema, a connector, a stream job and a collection beside those of the samples."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Consumer, TopicPartition

import freshline
from connectors.apply import apply
from connectors.kafka_offsets import KafkaOffsets
from connectors.load import load
from connectors.remove import find_capture, remove
from index.milvus import MilvusStore
from schemas.errors import IndexUnavailable
from schemas.settings import Settings, read_secret
from schemas.topics import CHANGES

WAIT_SECONDS = 120.0
SAMPLES = Path(freshline.__file__).parent / "connectors" / "sources"

Database = psycopg.Connection[Any]


@dataclass
class OwnSource:
    """`keys`: table -> its key, as YAML. `texts`: table -> its text, `{body}` where there is none.

    `options` are the connector's, beside those every source has.
    """

    name: str
    settings: Settings
    keys: Mapping[str, str]
    texts: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mine = self.settings
        self._store = MilvusStore(mine.milvus_uri, read_secret(mine.milvus_token_file), mine.collection)

    def write(self) -> None:
        """Write the contract and the connector's configuration as they now are."""
        sample = json.loads((SAMPLES / "helpdesk.debezium.json").read_text())
        taken = {name: value for name, value in sample.items() if name.startswith(("database.", "post."))}
        options = taken | {
            "heartbeat.interval.ms": "500",
            "heartbeat.action.query": f"SELECT pg_logical_emit_message(true, 'freshline.{self.name}', '')",
            **self.options,
        }
        (self.settings.sources / "own.debezium.json").write_text(json.dumps(options))
        tables = "".join(
            f"""  "{self.name}.{table}":
    key: {key}
    text: "{self.texts.get(table, "{body}")}"
    permissions: {{tenant: acme, readers: ["user:ann"]}}
"""
            for table, key in self.keys.items()
        )
        head = f"source: {self.name}\nconnector: {{plugin: postgres, config: own.debezium.json}}\n"
        (self.settings.sources / "own.yaml").write_text(f"{head}tables:\n{tables}")

    def apply(self) -> None:
        """Capture the source. Its stream job begins with what comes from now on, not with all that others sent."""
        apply(load(self.settings.sources), self.settings, lambda line: None)
        group = KafkaOffsets(self.settings.kafka, self.settings.group)
        if not group.committed([CHANGES]):
            ends = [TopicPartition(*place, offset) for place, offset in group.end_offsets([CHANGES]).items()]
            consumer = Consumer({"bootstrap.servers": self.settings.kafka, "group.id": self.settings.group})
            consumer.commit(offsets=ends, asynchronous=False)
            consumer.close()

    @contextmanager
    def working(self) -> Iterator[None]:
        """While a supervised worker of the stream job runs with the contract as it is."""
        names = ("home", "sources", "collection", "group")
        given = {
            f"FRESHLINE_{name.upper()}": str(Path(value).absolute() if name in names[:2] else value)
            for name in names
            for value in [getattr(self.settings, name)]
        }
        command, folder = [sys.executable, str(Path(freshline.__file__)), "work"], self.settings.sources
        with (folder / "worker.log").open("ab") as log:
            worker = subprocess.Popen(command, env={**os.environ, **given}, cwd=folder, stdout=log, stderr=log)
        try:
            yield
        finally:
            worker.terminate()
            worker.wait(WAIT_SECONDS)

    def remove(self, database: Database) -> None:
        """Take the connector and the schema away."""
        remove(find_capture(self.name, self.settings), self.settings, lambda line: None)
        database.execute(f"DROP SCHEMA {self.name} CASCADE")

    def found(self, table: str) -> dict[str, str]:
        """The texts of a table that the index holds, by key."""
        try:
            pages = self._store.marks(self.name, f"{self.name}.{table}")
            names = {mark.record_id for page in pages for mark in page if mark.is_head}
            held = self._store.held(sorted(names))
        except IndexUnavailable:  # the stream job makes it when it starts
            return {}
        return {name.rpartition("/")[2]: " ".join(row.text for row in held[name].rows) for name in names}

    def holds(self, table: str, wanted: dict[str, str]) -> None:
        """Return once the index holds exactly these texts of a table, by key; at most two minutes."""
        assert eventually(lambda: self.found(table), wanted) == wanted


def own_settings(settings: Settings, folder: Path, name: str) -> Settings:
    """Those of the running product, but for the folder of contracts, the collection and the consumer group."""
    return settings.model_copy(update={"sources": folder, "collection": name, "group": name})


def eventually(ask: Callable[[], Any], wanted: Any) -> Any:
    """The answer once it is as wanted, or the last one there was after two minutes."""
    deadline, now = time.monotonic() + WAIT_SECONDS, ask()
    while now != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
        now = ask()
    return now
