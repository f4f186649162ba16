"""How rows lie in Milvus: the collections, their fields, and which model made their vectors."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any

import numpy as np
from pymilvus import DataType, MilvusClient
from pymilvus.exceptions import MilvusException

from index.chunk import embedding_text
from index.embedder import ModelSpec
from index.store import Mark, Row, Vector
from index.words import occurrences

TEXT_LIMIT = 65_535
"""Bytes in a VARCHAR field, at most."""

MODEL_PROPERTY = "freshline.model"
"""Names the model in the collection's properties; Milvus Lite keeps those, but no description."""

_VARCHARS = {
    "chunk_id": 2048,
    "record_id": 2048,
    "source": 64,
    "table": 256,
    "key": 8192,
    "position": 256,
    "title": TEXT_LIMIT,
    "text": TEXT_LIMIT,
    "url": 8192,
    "metadata": TEXT_LIMIT,
    "text_hash": 64,
}
_INTEGERS = ("label", "commit_ms", "event_ms", "chunk", "chunks")
CHUNK_FIELDS = (*_VARCHARS, *_INTEGERS, "vector")
WORDS = "words"
"""The field of a chunk's words, never read back: see `index.words`. Indexes of before 0.5 have none."""
_OF_A_ROW = [name for name in (*_VARCHARS, *_INTEGERS) if name != "chunk_id"]
NO_VECTOR: Vector = np.empty(0, dtype=np.float32)
MARK_FIELDS = [field.name for field in fields(Mark)]
FLAT = {"index_type": "FLAT", "metric_type": "COSINE"}
_CHUNK_INDEXES = {
    "vector": FLAT,
    "label": {"index_type": "INVERTED"},
    "source": {"index_type": "INVERTED"},
    WORDS: {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "IP"},
}


@dataclass(frozen=True, slots=True)
class Names:
    """The collections of one generation of an index."""

    index: str
    generation: int

    @property
    def chunks(self) -> str:
        return f"{self.index}_g{self.generation}_chunks"

    @property
    def deleted(self) -> str:
        return f"{self.index}_g{self.generation}_deleted"

    @property
    def history(self) -> str:
        """Made when a source's contract first asks for history."""
        return f"{self.index}_g{self.generation}_history"


def to_entity(row: Row, with_words: bool = True) -> dict[str, Any]:
    texts = {name: getattr(row, name) for name in (*_VARCHARS, *_INTEGERS)}
    words = {WORDS: occurrences(embedding_text(row.title, row.text))} if with_words else {}
    return {**texts, "vector": row.vector, **words}


def from_entity(entity: dict[str, Any]) -> Row:
    """Read a row back; without a vector where none was fetched."""
    vector = np.asarray(entity["vector"], dtype=np.float32) if "vector" in entity else NO_VECTOR
    return Row(**{name: entity[name] for name in _OF_A_ROW}, vector=vector)


def to_mark(entity: dict[str, Any]) -> Mark:
    return Mark(**{name: entity[name] for name in MARK_FIELDS})


def oversized(row: Row) -> str | None:
    """The first field of a row that Milvus would not take, in words; None if it takes all."""
    problems = (field_oversized(name, str(getattr(row, name))) for name in _VARCHARS)
    return next((problem for problem in problems if problem), None)


def field_oversized(name: str, value: str) -> str | None:
    """Why Milvus would not take this text in that field, in words; None if it does."""
    size = len(value.encode())
    return f"field {name!r} is {size} bytes, the index takes {_VARCHARS[name]}" if size > _VARCHARS[name] else None


def make_collections(client: MilvusClient, names: Names, spec: ModelSpec) -> None:
    """Create what is missing. Safe beside another process that does the same; completes what a crashed one began.

    Where the chunks are there already, the model recorded with them stays.
    """
    _ensure(client, names.deleted, _deleted_schema(), {"unused": FLAT}, "")
    _ensure(client, names.chunks, _chunk_schema(spec), _CHUNK_INDEXES, recorded(spec))


def make_history(client: MilvusClient, names: Names, spec: ModelSpec) -> None:
    """As `make_collections`, for versions that newer ones superseded."""
    indexes = {**_CHUNK_INDEXES, "record_id": {"index_type": "INVERTED"}}
    _ensure(client, names.history, _chunk_schema(spec, superseded=True), indexes, "")


def recorded(spec: ModelSpec) -> str:
    """How a collection remembers its model."""
    return json.dumps(asdict(spec), sort_keys=True)


def has_words(client: MilvusClient, collection: str, timeout: float) -> bool:
    """Whether the words of its chunks are indexed."""
    return WORDS in {field["name"] for field in client.describe_collection(collection, timeout)["fields"]}


def _ensure(client: MilvusClient, name: str, schema: Any, wanted: Mapping[str, Mapping[str, str]], model: str) -> None:
    properties = {MODEL_PROPERTY: model} if model else {}
    _create(
        lambda: client.create_collection(name, schema=schema, consistency_level="Strong", properties=properties),
        lambda: client.has_collection(name),
    )
    there = {field["name"] for field in client.describe_collection(name)["fields"]}
    for field, index in wanted.items():
        if field not in there:  # made by an earlier version
            continue
        indexes = MilvusClient.prepare_index_params()
        indexes.add_index(field, index_name=field, **index)
        _create(partial(client.create_index, name, indexes), partial(_has_index, client, name, field))
    client.load_collection(name)


def _has_index(client: MilvusClient, name: str, field: str) -> bool:
    return field in client.list_indexes(name)


def _create(create: Callable[[], None], exists: Callable[[], bool]) -> None:
    """Create what is missing; that another process was quicker is no failure."""
    if exists():
        return
    try:
        create()
    except MilvusException:
        if not exists():
            raise


def _chunk_schema(spec: ModelSpec, superseded: bool = False) -> Any:
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    if superseded:
        schema.add_field("version_id", DataType.VARCHAR, max_length=_VARCHARS["chunk_id"], is_primary=True)
        schema.add_field("until_ms", DataType.INT64)
    for field, length in _VARCHARS.items():
        primary = field == "chunk_id" and not superseded
        schema.add_field(field, DataType.VARCHAR, max_length=length, is_primary=primary)
    for field in _INTEGERS:
        schema.add_field(field, DataType.INT64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=spec.dimension)
    schema.add_field(WORDS, DataType.SPARSE_FLOAT_VECTOR)
    return schema


def _deleted_schema() -> Any:
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("record_id", DataType.VARCHAR, max_length=_VARCHARS["record_id"], is_primary=True)
    schema.add_field("position", DataType.VARCHAR, max_length=_VARCHARS["position"])
    schema.add_field("unused", DataType.FLOAT_VECTOR, dim=2)  # Milvus wants a vector in every collection
    return schema
