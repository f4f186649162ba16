"""PyDebeziumAI: its events, document builder, sync manager and Milvus adapter, fed from the topic.

Its own reader embeds the Debezium engine in the process; here a loop hands its sync manager the same events, one by
one, as its JSON handler does; with `--sync-batch` as many at a time as have come: it offers that, though nothing in its
code or documentation makes use of it. A row is one document: it has no splitter.
"""

import sys
from dataclasses import dataclass

from confluent_kafka import Consumer, Message
from langchain_core.embeddings import Embeddings
from pydebeziumai.adapters.milvus import MilvusAdapter
from pydebeziumai.models import DebeziumEventModel
from pydebeziumai.sync import SyncManager
from pydebeziumai.transformation import DocumentBuilder, ProjectionPolicy, TablePkIdStrategy, TableProjectionPolicy
from pymilvus import connections
from rival_kit import METADATA, Embedder, contest

BATCH, WAIT_S = 256, 0.1
SYNC_BATCH = "--sync-batch"


class Shared(Embeddings):
    """The model that every rival uses, as LangChain wants it."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._embedder.embed(texts)

    def embed_query(self, text: str) -> list[float]:
        return self._embedder.embed([text])[0]


@dataclass(frozen=True)
class Record:
    """A Kafka message as the Debezium engine hands it over."""

    message: Message

    def destination(self) -> str:
        return self.message.topic() or ""

    def key(self) -> str | None:
        return _text(self.message.key())

    def value(self) -> str | None:
        return _text(self.message.value())


def _text(data: str | bytes | None) -> str | None:
    return data.decode() if isinstance(data, bytes) else data


def main() -> None:
    with contest() as (place, embedder):
        connection = {"uri": place.milvus, "token": place.token, "alias": "bench"}
        connections.connect(**connection)
        adapter = MilvusAdapter(
            place.collection,
            Shared(embedder),
            place.milvus,
            connection_args=connection,
            index_params={"index_type": "FLAT", "metric_type": "COSINE"},
        )
        policy = TableProjectionPolicy(content_template="${body}", metadata_fields=["id", *METADATA])
        builder = DocumentBuilder(TablePkIdStrategy(), ProjectionPolicy(default=policy))
        manager = SyncManager(builder, adapter)
        consumer = Consumer(place.consumer())
        consumer.subscribe([place.topic])
        while True:
            messages = [message for message in consumer.consume(BATCH, WAIT_S) if message.error() is None]
            found = [DebeziumEventModel.from_json_record(Record(message)) for message in messages]
            events = [event for event in found if event is not None]
            if SYNC_BATCH in sys.argv:
                manager.sync_batch(events)
            else:
                for event in events:
                    manager.sync(event)
            if messages:
                consumer.commit(asynchronous=False)


if __name__ == "__main__":
    main()
