"""The same changes to rivals: from a commit until a search of their collection finds its text. In all, without hops."""

import threading
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import numpy as np
import orjson
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from bench.common.options import Options
from bench.common.rivals import Place, Running, rival
from bench.freshness.cores import look
from bench.freshness.hops import figures
from bench.freshness.stage import Stage
from bench.freshness.stamps import Topics
from index.milvus_client import one_of
from index.models.files import prepared_folder
from schemas.errors import Unavailable
from schemas.settings import read_secret

RIVALS = ("plain", "quix", "pydebeziumai")
"""Those that read Debezium's topics from Kafka in a way that is documented."""
RAW = "bench.public.articles"
LOOK_EVERY_S = 0.05
"""More often, and looking would take a good part of the machine from whom it looks at."""
READY_S = 120.0
DRAIN_S = 30.0
DIMENSION = 384


def measure(options: Options, stage: Stage, name: str, rate: float, seconds: float) -> dict[str, Any]:
    """p50 and p99, in milliseconds, of one rival, alone on the machine but for the servers.

    Raises Unavailable where it does not run, or where it does not get there.
    """
    settings, token = stage.settings, read_secret(stage.settings.milvus_token_file)
    place = Place(
        kafka=settings.kafka,
        topic=RAW,
        group=f"bench-fresh-{name}",
        milvus=settings.milvus_uri,
        token=token,
        collection=f"fresh_{name}",
        model=prepared_folder(options.product),
    )
    index = _Index(settings.milvus_uri, token, place.collection)
    with rival(options, name, place) as running:
        _until_it_has(index, stage.load.rows, running)
        topics, before = Topics(settings.kafka, [RAW]), look(stage.stack, running.process)
        try:
            found = _found(stage, index, rate, seconds, running)
            cores = look(stage.stack, running.process).since(before)
            commits = _commits(topics)
        finally:
            topics.close()
    took = [at_ms - commits[text] for text, at_ms in found.items()]
    return {"changes": len(took), "cores": cores, "total": figures(took)}


class _Index:
    """A rival's collection."""

    def __init__(self, uri: str, token: str, collection: str) -> None:
        self._client = MilvusClient(uri, token=token)
        self._collection = collection
        self._vector = (np.ones(DIMENSION) / np.sqrt(DIMENSION)).astype(np.float32).tolist()

    def rows(self) -> int:
        with suppress(MilvusException):
            found = self._client.query(self._collection, filter="", output_fields=["count(*)"])
            return int(found[0]["count(*)"])
        return 0

    def has(self, texts: Collection[str]) -> set[str]:
        """Which of these it holds. Looked up, which is quick: so a search is only made where there is something."""
        found = self._client.query(self._collection, filter=one_of("text", [*texts]), output_fields=["text"])
        return {one["text"] for one in found}

    def finds(self, texts: Collection[str]) -> set[str]:
        """Which of these a search restricted to them finds."""
        found = self._client.search(
            self._collection,
            data=[self._vector],
            anns_field="vector",
            filter=one_of("text", [*texts]),
            limit=len(texts),
            output_fields=["text"],
            consistency_level="Strong",
        )[0]
        return {hit["entity"]["text"] for hit in found}


def _until_it_has(index: _Index, rows: int, running: Running) -> None:
    deadline = time.monotonic() + READY_S
    while index.rows() < rows:
        running.require_alive()
        if time.monotonic() > deadline:
            raise Unavailable(f"rival {running.name}", f"it does not have {rows} rows after {READY_S:g} s")
        time.sleep(0.25)


def _found(stage: Stage, index: _Index, rate: float, seconds: float, running: Running) -> dict[str, float]:
    """Text -> when it was first found, in milliseconds since 1970; of all that were committed and not overtaken."""
    load, at_ms, ending = stage.load, dict[str, float](), threading.Event()
    load.committed.clear()
    failures: list[MilvusException] = []

    def missing() -> set[str]:
        return {*load.committed.copy().values()} - at_ms.keys()

    def watch() -> None:
        try:
            while not ending.is_set():
                wanted = missing()
                if new := index.has(wanted) if wanted else set():
                    at_ms.update(dict.fromkeys(index.finds(new), time.time() * 1000))
                time.sleep(LOOK_EVERY_S)
        except MilvusException as error:
            failures.append(error)

    thread = threading.Thread(target=watch, name="found", daemon=True)
    thread.start()
    load.run(rate, seconds)
    deadline = time.monotonic() + DRAIN_S
    while missing() and not failures and time.monotonic() < deadline:
        running.require_alive()
        time.sleep(0.1)
    ending.set()
    thread.join(DRAIN_S)
    if failures or missing():
        why = (
            failures[0].message if failures else f"{len(missing())} changes were not found {DRAIN_S:g} s after the last"
        )
        raise Unavailable(f"rival {running.name}", why)
    return at_ms


def _commits(topics: Topics) -> dict[str, float]:
    """Text -> when PostgreSQL committed it, in milliseconds since 1970."""
    values = [orjson.loads(message.value() or b"{}") for message in topics.since() if message.value() is not None]
    return {value["after"]["body"]: value["source"]["ts_us"] / 1000 for value in values if value.get("after")}
