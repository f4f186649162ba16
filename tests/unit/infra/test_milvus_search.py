"""The quick search of Milvus Lite finds what the engine's own does, whatever was written before."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from milvus_lite.db import MilvusLite
from milvus_lite.engine import collection as collection_module
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema
from milvus_lite.search.executor_indexed import execute_search_with_index
from milvus_lite.storage.delta_index import DeltaIndex
from milvus_lite.storage.segment import Segment

from infra.local import milvus_search
from infra.local.milvus_newest import Newest

DIMENSION, KEYS = 8, 60
FIELDS = ["name", "label", "text"]
own_row = Segment.row_to_dict
milvus_search.quicken_engine()
quick_row = Segment.row_to_dict


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Any]:
    engine = MilvusLite(str(tmp_path / "data"))
    schema = CollectionSchema(
        fields=[
            FieldSchema("name", DataType.VARCHAR, max_length=64, is_primary=True),
            FieldSchema("label", DataType.INT64),
            FieldSchema("text", DataType.VARCHAR, max_length=64),
            FieldSchema("vector", DataType.FLOAT_VECTOR, dim=DIMENSION),
        ]
    )
    made = engine.create_collection("rows", schema)
    made.create_index("vector", {"index_type": "FLAT", "metric_type": "COSINE", "params": {}})
    made.create_index("label", {"index_type": "INVERTED", "params": {}})
    made.load()
    yield made
    engine.close()


def write(collection: Any, dice: random.Random, steps: int) -> None:
    """Any order of writes, deletes, flushes."""
    for step in range(steps):
        what = dice.random()
        keys = dice.sample(range(KEYS), dice.randint(1, 12))
        if what < 0.65:
            rows = [
                {
                    "name": f"row{key}",
                    "label": key % 7,
                    "text": f"of step {step}",
                    "vector": [dice.gauss(0, 1) * (1 + key % 3) for _ in range(DIMENSION)],
                }
                for key in keys
            ]
            collection.upsert(rows)
        elif what < 0.85:
            collection.delete([f"row{key}" for key in keys])
        else:
            collection.flush()


def searched(collection: Any, vector: list[float], **given: Any) -> list[tuple[str, float, Any]]:
    [hits] = collection.search([vector], metric_type="COSINE", output_fields=FIELDS, **given)
    return [(hit["id"], pytest.approx(hit["distance"], abs=1e-5), hit["entity"]) for hit in hits]


@pytest.mark.parametrize("seed", range(25))
def test_finds_the_same_rows_with_the_same_distances_as_the_engine(
    collection: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    for _ in range(4):
        write(collection, dice, dice.randint(1, 12))
        for expr in (None, "label in [1, 2, 3]", "label in [5] and text != 'of step 1'", "label in [99]"):
            vector = [dice.gauss(0, 1) for _ in range(DIMENSION)]
            limit = dice.choice([1, 5, 200])
            quick = searched(collection, vector, expr=expr, top_k=limit)
            with monkeypatch.context() as patch:
                patch.setattr(collection_module, "execute_search_with_index", execute_search_with_index)
                patch.setattr(Segment, "row_to_dict", own_row)
                own = searched(collection, vector, expr=expr, top_k=limit)
            assert quick == own


def test_a_deleted_row_is_not_found_before_and_after_a_flush_and_after_it_came_back(collection: Any) -> None:
    vector = [1.0] + [0.0] * (DIMENSION - 1)
    row = {"name": "row1", "label": 1, "text": "first", "vector": vector}
    collection.upsert([row])
    collection.flush()
    assert [hit[0] for hit in searched(collection, vector, top_k=5)] == ["row1"]
    collection.delete(["row1"])
    assert searched(collection, vector, top_k=5) == []
    collection.flush()
    assert searched(collection, vector, top_k=5) == []
    collection.upsert([row | {"text": "second"}])
    assert [hit[2]["text"] for hit in searched(collection, vector, top_k=5)] == ["second"]
    collection.flush()
    assert [hit[2]["text"] for hit in searched(collection, vector, top_k=5)] == ["second"]


def test_what_is_remembered_is_used_until_something_is_flushed(
    collection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    vector, made, of = [1.0] * DIMENSION, list[int](), Newest.of
    row = {"name": "row1", "label": 1, "text": "old", "vector": vector}
    collection.upsert([row])
    collection.flush()

    def counted(*given: Any) -> Newest:
        made.append(1)
        return of(*given)

    monkeypatch.setattr(Newest, "of", counted)
    for _ in range(3):
        searched(collection, vector, top_k=5)
    collection.upsert([row | {"text": "new"}])
    assert searched(collection, vector, top_k=1)[0][2]["text"] == "new"
    assert len(made) == 1
    collection.flush()
    assert searched(collection, vector, top_k=1)[0][2]["text"] == "new"
    assert len(made) == 2


@pytest.mark.parametrize("metric", ["L2", "IP"])
def test_another_metric_is_left_to_the_engine(collection: Any, metric: str) -> None:
    write(collection, random.Random(3), 20)
    vector = [1.0] * DIMENSION
    [hits] = collection.search([vector], metric_type=metric, output_fields=FIELDS, top_k=5)
    assert len(hits) == 5


def test_several_vectors_at_once_are_left_to_the_engine(collection: Any) -> None:
    write(collection, random.Random(3), 20)
    dice = np.random.default_rng(3)
    asked = dice.standard_normal((2, DIMENSION)).tolist()
    both = collection.search(asked, metric_type="COSINE", output_fields=FIELDS, top_k=5)
    assert [[hit["id"] for hit in hits] for hits in both] == [
        [hit[0] for hit in searched(collection, vector, top_k=5)] for vector in asked
    ]


def test_a_row_is_read_back_as_the_engine_reads_it(collection: Any) -> None:
    write(collection, random.Random(4), 30)
    collection.flush()
    segments, _ = collection._read_snapshot()
    rows = [(segment, row) for segment in segments for row in range(segment.num_rows)]
    assert rows
    assert [quick_row(*each) for each in rows] == [own_row(*each) for each in rows]


def tombstones(*names: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"name": list(names), "_seq": pa.array(range(1, len(names) + 1), pa.uint64())})


def test_tombstones_are_copied_anew_after_each_change_and_not_otherwise() -> None:
    index = DeltaIndex("name")
    first = index.frozen_copy()
    assert index.frozen_copy() is first
    index.add_batch(tombstones("row1"))
    second = index.frozen_copy()
    assert (second is first, second.is_deleted("row1", 0), first.is_deleted("row1", 0)) == (False, True, False)
    index.gc_below(10)
    assert not index.frozen_copy().is_deleted("row1", 0)


def test_tombstones_copied_in_the_middle_of_a_change_are_not_used_after_it() -> None:
    index = DeltaIndex("name")

    class Peeking:
        """A batch during whose reading somebody else reads."""

        def __init__(self, batch: pa.RecordBatch) -> None:
            self._batch = batch

        @property
        def num_rows(self) -> int:
            assert not index.frozen_copy().is_deleted("row1", 0)
            return int(self._batch.num_rows)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._batch, name)

    index.add_batch(Peeking(tombstones("row1")))
    assert index.frozen_copy().is_deleted("row1", 0)
