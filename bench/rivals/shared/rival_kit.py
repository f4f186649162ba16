"""What every rival shares, so that only the way they work differs: arguments, model, cutting of texts, collection.

It stands on the rivals' path, in their own environments: it imports nothing of ours.
"""

import argparse
import json
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
DIMENSION = 384
CHUNK_CHARACTERS = 900
"""About as much as the model reads: 256 tokens."""
METADATA = ("subject", "status", "priority")
Row = dict[str, Any]
Vector = list[float]


class Stopped(BaseException):
    """SIGTERM came."""


@dataclass
class Place:
    """Where a rival reads and writes."""

    kafka: str
    topic: str
    group: str
    milvus: str
    token: str
    collection: str
    model_dir: str

    def consumer(self) -> dict[str, Any]:
        """Settings of a consumer that commits for itself what it has written."""
        return {
            "bootstrap.servers": self.kafka,
            "group.id": self.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }


@dataclass
class Embedder:
    """fastembed as its documentation starts it: all cores, batches of 256 in the order of arrival. It counts."""

    folder: str
    embedded: int = 0
    _model: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        from fastembed import TextEmbedding

        self._model = TextEmbedding(MODEL, specific_model_path=self.folder, providers=["CPUExecutionProvider"])
        self.embed(["warm"])
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        vectors = [vector.tolist() for vector in self._model.embed(list(texts))]
        self.embedded += len(vectors)
        return vectors


@contextmanager
def contest() -> Iterator[tuple[Place, Embedder]]:
    """The rival's place and model. Ended by SIGTERM; then one line of JSON says how many texts the model saw."""
    parser = argparse.ArgumentParser()
    for name in Place.__dataclass_fields__:
        parser.add_argument(f"--{name.replace('_', '-')}", required=True)
    place = Place(**vars(parser.parse_known_args()[0]))
    embedder = Embedder(place.model_dir)
    signal.signal(signal.SIGTERM, lambda *_: _stop())
    try:
        yield place, embedder
    except Stopped:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        tell(embedder)


def tell(embedder: Embedder) -> None:
    """The line that says what was computed."""
    sys.stdout.write(json.dumps({"embedded": embedder.embedded}) + "\n")
    sys.stdout.flush()


def _stop() -> None:
    raise Stopped


def split(text: str) -> list[str]:
    """Paragraphs, put together as long as they fit into one chunk: what a text splitter does by default."""
    chunks: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if chunks and len(chunks[-1]) + len(paragraph) + 2 <= CHUNK_CHARACTERS:
            chunks[-1] += "\n\n" + paragraph
        elif paragraph:
            chunks.append(paragraph)
    return chunks


class Collection:
    """A Milvus collection with a row a chunk: `id` (record#number), `record`, `text`, `metadata`, `vector`."""

    def __init__(self, place: Place) -> None:
        from pymilvus import DataType, MilvusClient

        self.name = place.collection
        self.client = MilvusClient(place.milvus, token=place.token)
        if self.client.has_collection(self.name):
            return
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, max_length=200, is_primary=True)
        schema.add_field("record", DataType.VARCHAR, max_length=200)
        schema.add_field("text", DataType.VARCHAR, max_length=65_535)
        schema.add_field("metadata", DataType.JSON)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIMENSION)
        indexes = MilvusClient.prepare_index_params()
        indexes.add_index("vector", index_type="FLAT", metric_type="COSINE")
        indexes.add_index("record", index_type="INVERTED")
        self.client.create_collection(self.name, schema=schema, index_params=indexes)

    def upsert(self, rows: Sequence[Row]) -> None:
        if rows:
            self.client.upsert(self.name, list(rows))

    def delete(self, records: Sequence[str]) -> None:
        """Delete all chunks of these records."""
        if records:
            self.client.delete(self.name, filter=f"record in {json.dumps(list(records))}")


def chunk_row(record: str, number: int, text: str, row: Row, vector: Vector) -> Row:
    """A chunk of a row of the table as the collection holds it."""
    return {
        "id": f"{record}#{number}",
        "record": record,
        "text": text,
        "metadata": {name: row.get(name) for name in METADATA},
        "vector": vector,
    }
