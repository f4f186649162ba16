"""CocoIndex: the topic as a live keyed map, a component a row, chunks as target states of a Milvus target.

It has no Milvus target of its own: the handler below is one, as its guide to custom targets describes.
"""

import asyncio
import json
import os
import tempfile
import threading
from collections.abc import Collection as Many
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cocoindex as coco
from cocoindex.connectors import kafka
from confluent_kafka import Message
from confluent_kafka.aio import AIOConsumer
from rival_kit import Collection, Embedder, Place, Row, Vector, chunk_row, contest, split


class Action(NamedTuple):
    """A chunk to write, or to delete where there is no row."""

    name: str
    row: Row | None


class MilvusHandler(coco.TargetHandler[Row, str]):
    """Rows of a collection, by id; what is there already as wanted is not written."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._sink = coco.TargetActionSink.from_async_fn(self._apply)

    async def _apply(self, context: coco.ContextProvider, actions: Sequence[Action]) -> None:  # noqa: ARG002
        gone = [action.name for action in actions if action.row is None]
        await asyncio.to_thread(self._collection.upsert, [action.row for action in actions if action.row is not None])
        if gone:
            await asyncio.to_thread(self._collection.client.delete, self._collection.name, ids=gone)

    def reconcile(
        self,
        key: coco.StableKey,
        desired_state: Row | coco.NonExistenceType,
        prev_possible_records: Many[str],
        prev_may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[Action, str] | None:
        if coco.is_non_existence(desired_state):
            if not prev_possible_records and not prev_may_be_missing:
                return None
            return coco.TargetReconcileOutput(Action(str(key), None), self._sink, coco.NON_EXISTENCE)
        wanted = json.dumps([desired_state["text"], desired_state["metadata"]])
        if not prev_may_be_missing and all(previous == wanted for previous in prev_possible_records):
            return None
        return coco.TargetReconcileOutput(Action(str(key), desired_state), self._sink, wanted)


def is_deletion(message: Message) -> bool:
    return bool(json.loads(message.value() or b"{}").get("op") == "d")


def app(place: Place, embedder: Embedder) -> coco.App[Any, None]:
    rows = coco.register_root_target_states_provider("bench/milvus", MilvusHandler(Collection(place)))

    @coco.fn.as_async(batching=True, max_batch_size=64, memo=True)
    def vector(texts: list[str]) -> list[Vector]:
        return embedder.embed(texts)

    @coco.fn
    async def article(message: Message) -> None:
        row = json.loads(message.value() or b"{}")["after"]
        record, chunks = str(row["id"]), split(row["body"])
        found = await asyncio.gather(*(vector(chunk) for chunk in chunks))
        for number, chunk in enumerate(chunks):
            shown = chunk_row(record, number, chunk, row, found[number])
            coco.declare_target_state(rows.target_state(shown["id"], shown))

    @coco.fn
    async def articles() -> None:
        consumer = AIOConsumer(place.consumer())
        await coco.mount_each(article, kafka.topic_as_map(consumer, [place.topic], is_deletion=is_deletion))

    return coco.App("bench", articles)


def main() -> None:
    with contest() as (place, embedder), tempfile.TemporaryDirectory() as state:

        @coco.lifespan
        def settings(builder: coco.EnvironmentBuilder) -> Any:
            builder.settings.db_path = Path(state) / "state"
            yield

        flow = app(place, embedder)
        # In a thread: it blocks in native code, where no signal is heard.
        work = threading.Thread(target=flow.update_blocking, kwargs={"live": True}, daemon=True)
        work.start()
        while work.is_alive():
            work.join(0.2)


if __name__ == "__main__":
    main()
    os._exit(0)  # its native threads go on otherwise
