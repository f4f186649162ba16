"""A row is found by what was last written of it, never by what it said before: whatever else happens to its collection.

Against a model, a dict of what was written: after writes of any order, flushes, compactions, and after the collection
was dropped and made again by the same name in the same folder.
"""

import gc
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from milvus_lite.db import MilvusLite
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

from infra.local import milvus_search
from infra.local.milvus_lock import PhaseFairLock
from infra.local.milvus_newest import Newest

DIMENSION, KEYS, LABELS = 4, 40, 6
milvus_search.quicken_engine()
SCHEMA = CollectionSchema(
    fields=[
        FieldSchema("name", DataType.VARCHAR, max_length=64, is_primary=True),
        FieldSchema("label", DataType.INT64),
        FieldSchema("text", DataType.VARCHAR, max_length=64),
        FieldSchema("vector", DataType.FLOAT_VECTOR, dim=DIMENSION),
    ]
)


@dataclass
class Stage:
    """A collection, and what it should hold: name -> label and text."""

    engine: Any
    dice: random.Random
    model: dict[str, tuple[int, str]] = field(default_factory=dict)
    collection: Any = None
    compacted: int = 0

    def make(self) -> None:
        made = self.engine.create_collection("rows", SCHEMA)
        made.create_index("vector", {"index_type": "FLAT", "metric_type": "COSINE", "params": {}})
        made.create_index("label", {"index_type": "INVERTED", "params": {}})
        made.load()
        self.collection, self.model = made, {}

    def drop(self) -> None:
        self.engine.drop_collection("rows")
        self.collection = None

    def upsert(self, step: int) -> None:
        rows = {f"row{key}": (self.dice.randrange(LABELS), f"step {step}") for key in self.some()}
        vectors = {name: [self.dice.gauss(0, 1) for _ in range(DIMENSION)] for name in rows}
        self.collection.upsert(
            [{"name": n, "label": label, "text": text, "vector": vectors[n]} for n, (label, text) in rows.items()]
        )
        self.model |= rows

    def delete(self) -> None:
        names = [f"row{key}" for key in self.some()]
        self.collection.delete(names)
        for name in names:
            self.model.pop(name, None)

    def flush(self) -> None:
        before = len(self.collection._read_snapshot()[0])
        self.collection.flush()
        self.collection._wait_for_bg(30)
        self.compacted += len(self.collection._read_snapshot()[0]) < before

    def some(self) -> list[int]:
        return self.dice.sample(range(KEYS), self.dice.randint(1, 10))

    def found(self, expr: str | None) -> dict[str, tuple[int, str]]:
        vector = [self.dice.gauss(0, 1) for _ in range(DIMENSION)]
        [hits] = self.collection.search(
            [vector], metric_type="COSINE", top_k=4 * KEYS, expr=expr, output_fields=["name", "label", "text"]
        )
        rows = {hit["id"]: (hit["entity"]["label"], hit["entity"]["text"]) for hit in hits}
        assert len(rows) == len(hits), "a key twice"
        return rows

    def require_newest(self) -> None:
        assert self.found(None) == self.model
        for label in range(LABELS):
            assert self.found(f"label in [{label}]") == {n: row for n, row in self.model.items() if row[0] == label}


@pytest.fixture
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    engine = MilvusLite(str(tmp_path / "data"))
    made = Stage(engine, random.Random(getattr(request, "param", 0)))
    made.make()
    yield made
    engine.close()


@pytest.mark.parametrize("stage", range(12), indirect=True)
def test_a_row_is_found_by_its_last_label_alone_whatever_was_done(stage: Stage) -> None:
    for step in range(70):
        what = stage.dice.random()
        if what < 0.5:
            stage.upsert(step)
        elif what < 0.65:
            stage.delete()
        elif what < 0.97:
            stage.flush()
        else:
            stage.drop()
            stage.make()
        stage.require_newest()


def test_compaction_is_among_what_was_done(stage: Stage) -> None:
    for step in range(20):
        stage.upsert(step)
        stage.delete()
        stage.flush()
        stage.require_newest()
    assert stage.compacted > 0


def test_a_collection_made_again_by_the_same_name_has_nothing_of_the_one_before(stage: Stage) -> None:
    vector = [1.0] * DIMENSION
    rows = [{"name": f"row{key}", "label": 1, "text": "first", "vector": vector} for key in range(KEYS)]
    stage.collection.upsert(rows)
    stage.collection.flush()
    folder = stage.collection._read_snapshot()[0][0].file_path
    assert len(stage.found("label in [1]")) == KEYS
    stage.drop()
    stage.make()
    assert stage.found(None) == {}
    stage.collection.upsert([row | {"label": 2, "text": "second"} for row in rows])
    stage.collection.flush()
    assert stage.collection._read_snapshot()[0][0].file_path == folder
    assert stage.found("label in [1]") == {}
    assert {text for _, text in stage.found("label in [2]").values()} == {"second"}


def test_nothing_is_remembered_of_a_collection_that_was_dropped(stage: Stage) -> None:
    stage.upsert(1)
    stage.flush()
    stage.require_newest()
    gc.collect()
    before = sum(isinstance(one, Newest) for one in gc.get_objects())
    stage.drop()
    gc.collect()
    assert sum(isinstance(one, Newest) for one in gc.get_objects()) < before


def test_no_state_but_the_last_is_remembered_of_a_collection(stage: Stage) -> None:
    gc.collect()
    before = sum(isinstance(one, Newest) for one in gc.get_objects())
    for step in range(5):
        stage.upsert(step)
        stage.delete()
        stage.flush()
        stage.require_newest()
    gc.collect()
    assert sum(isinstance(one, Newest) for one in gc.get_objects()) == before + 1


def test_readers_beside_a_writer_and_compaction_find_what_was_acknowledged(stage: Stage) -> None:
    """With the lock of the launcher: reads beside reads, each write alone, compaction beside all of them."""
    lock, ended, wrong = PhaseFairLock(), threading.Event(), list[BaseException]()

    def read() -> None:
        try:
            while not ended.is_set():
                with lock.reading():
                    stage.require_newest()
        except BaseException as error:
            wrong.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for step in range(60):
        with lock.writing():
            stage.upsert(step)
            if step % 3 == 0:
                stage.delete()
            if step % 2:
                stage.collection.flush()  # and so, now and then, a compaction that goes on beside the readers
        if wrong:
            break
    ended.set()
    for reader in readers:
        reader.join(30)
    assert not wrong
