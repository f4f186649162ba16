"""When a search first finds a change: asked as soon as the product tells of it, again until it is there."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from confluent_kafka import Consumer, Message, TopicPartition
from pymilvus import MilvusClient

from index.milvus_client import one_of
from index.store import chunk_id
from schemas.settings import Settings, read_secret
from schemas.topics import UPDATES
from schemas.update import Update

POLL_S = 0.1
MOST = 100
PATIENCE_S = 10.0
"""How long a change that was told of is looked for."""


@dataclass(frozen=True, slots=True)
class Told:
    """An update, when it was sent, and when it was here, in milliseconds since 1970."""

    update: Update
    sent_ms: float
    here_ms: float


@dataclass
class Found:
    """(record id, position) -> update; and when a search had found that version or a later one (ms since 1970)."""

    told: dict[tuple[str, str], Told] = field(default_factory=dict)
    at_ms: dict[tuple[str, str], float] = field(default_factory=dict)


@contextmanager
def watching(settings: Settings, collection: str, dimension: int) -> Iterator[Found]:
    """Meanwhile every update that comes is searched for. Raises AssertionError at the end if one was never found."""
    found, ending = Found(), threading.Event()
    consumer = _from_the_end(settings.kafka)
    search = _Search(settings, collection, dimension)
    failures: list[Exception] = []

    def watch() -> None:
        try:
            while not ending.is_set():
                look(found, _arrived(consumer), search)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=watch, name="found", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ending.set()
        thread.join(PATIENCE_S + 1)
        consumer.close()
    if failures:
        raise failures[0]


class Search(Protocol):
    """Finds which version of records the index shows: record id -> position."""

    def positions(self, record_ids: Sequence[str]) -> dict[str, str]: ...


class _Search:
    """A search of the index, restricted to some records; by a vector of no meaning, as it must find them all."""

    def __init__(self, settings: Settings, collection: str, dimension: int) -> None:
        self._client = MilvusClient(settings.milvus_uri, token=read_secret(settings.milvus_token_file))
        self._collection = collection
        self._vector = (np.ones(dimension) / np.sqrt(dimension)).astype(np.float32).tolist()

    def positions(self, record_ids: Sequence[str]) -> dict[str, str]:
        hits = self._client.search(
            self._collection,
            data=[self._vector],
            anns_field="vector",
            filter=one_of("chunk_id", [chunk_id(record_id, 0) for record_id in record_ids]),
            limit=len(record_ids),
            output_fields=["record_id", "position"],
            consistency_level="Strong",
        )[0]
        return {hit["entity"]["record_id"]: hit["entity"]["position"] for hit in hits}


def look(found: Found, messages: Sequence[Message], search: Search) -> None:
    """Note what messages tell, and search for each version that was not found before, until it is."""
    waiting: dict[tuple[str, str], str] = {}
    here_ms = time.time() * 1000
    for message in messages:
        update = Update.model_validate_json(message.value() or b"")
        name = update.record_id, str(update.position)
        found.told.setdefault(name, Told(update, float(message.timestamp()[1]), here_ms))
        if name not in found.at_ms:
            waiting[name] = update.record_id
    deadline = time.monotonic() + PATIENCE_S
    while waiting:
        positions = search.positions(list({*waiting.values()}))
        now_ms = time.time() * 1000
        for name in [name for name, record_id in waiting.items() if positions.get(record_id, "") >= name[1]]:
            found.at_ms[name] = now_ms
            del waiting[name]
        assert time.monotonic() < deadline, f"told of, but not found within {PATIENCE_S:g} s: {sorted(waiting)[:3]}"


def _arrived(consumer: Consumer) -> list[Message]:
    """What has come; as soon as there is any, at the latest after POLL_S. `consume` would wait for so many."""
    first = consumer.poll(POLL_S)
    messages = [] if first is None else [first, *consumer.consume(MOST, 0)]
    return [message for message in messages if message.error() is None]


def _from_the_end(kafka: str) -> Consumer:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "bench", "enable.auto.commit": False})
    partitions = consumer.list_topics(UPDATES, 10.0).topics[UPDATES].partitions
    ends = [
        TopicPartition(UPDATES, number, consumer.get_watermark_offsets(TopicPartition(UPDATES, number), 10.0)[1])
        for number in partitions
    ]
    consumer.assign(ends)
    return consumer
