"""What Milvus Lite does slowly in a vector search, done once instead of for each search, and with numpy.

Its engine goes through every row in Python to find which are the newest of their key, in each search, and it makes
whole rows of Python objects, vectors included, of all that it finds. Here the first is remembered (`milvus_newest`),
and only what was asked for is made. What is found is the same; tests compare the two.

It reaches into Milvus Lite's internals on purpose and fits exactly the pinned version. Whatever is not the plain case
(one cosine search over vectors that are all there) is left to the engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from milvus_lite.engine import collection as collection_module
from milvus_lite.search.executor_indexed import execute_search_with_index
from milvus_lite.search.filter import evaluate_mask
from milvus_lite.search.indexed_filter import evaluate_segment_filter
from milvus_lite.storage.delta_index import DeltaIndex
from milvus_lite.storage.memtable import MemTable
from milvus_lite.storage.segment import Segment

from infra.local.milvus_newest import Floats, Mask, newest_of, remember_states, unflushed_of

FEW = 4
"""Where less than one row in so many passes the filter, only those vectors are looked at."""
_SEQUENCE = "_seq"
"""A column of the engine's own."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search as the engine passes it on."""

    vector: Floats
    limit: int
    field: str
    key: str
    filter: Any
    plan: Any
    columns: list[str]


Hit = tuple[float, int, int]
"""Distance, source (segments, then what is not flushed), row in it."""


def search(segments: Sequence[Any], memtable: Any, deleted: Any, wanted: Wanted) -> list[dict[str, Any]]:
    """The nearest rows, nearest first."""
    unflushed, newest = unflushed_of(memtable, wanted.field), newest_of(segments, deleted)
    current, hits = newest.without(unflushed.gone), list[Hit]()
    for number, segment in enumerate(segments):
        start = newest.starts[number]
        passing = current[start : start + len(segment.pks)]
        if wanted.filter is not None and passing.any():
            passing = passing & evaluate_segment_filter(segment, wanted.filter, wanted.plan).astype(bool)
        hits += _nearest(segment.vectors, newest.norms[number], passing, wanted, number)
    tables = [segment.table for segment in segments]
    if unflushed.table is not None:
        passing = np.ones(len(unflushed.vectors), dtype=bool)
        if wanted.filter is not None:
            passing = evaluate_mask(wanted.filter, unflushed.table).astype(bool)
        hits += _nearest(unflushed.vectors, unflushed.norms, passing, wanted, len(segments))
        tables.append(unflushed.table)
    hits.sort()
    return _found(hits[: wanted.limit], tables, wanted)


def _nearest(vectors: Floats, norms: Floats, passing: Mask, wanted: Wanted, source: int) -> list[Hit]:
    rows = np.flatnonzero(passing)
    if not rows.size:
        return []
    few = rows.size * FEW < len(vectors)
    similar = vectors[rows] @ wanted.vector if few else (vectors @ wanted.vector)[rows]
    of_rows = norms[rows]
    distances = np.maximum(1.0 - similar / np.where(of_rows == 0, 1.0, of_rows), 0.0)
    if rows.size > wanted.limit:
        best = np.argpartition(distances, wanted.limit - 1)[: wanted.limit]
        rows, distances = rows[best], distances[best]
    return [(distance, source, row) for distance, row in zip(distances.tolist(), rows.tolist(), strict=True)]


def _found(hits: Sequence[Hit], tables: Sequence[Any], wanted: Wanted) -> list[dict[str, Any]]:
    """The hits with what is wanted of them: of each table all its rows are taken at once."""
    others = [name for name in wanted.columns if name != wanted.key]
    rows = {}
    for source in {source for _, source, _ in hits}:
        taken = tables[source].select([wanted.key, *others]).take([row for _, each, row in hits if each == source])
        rows[source] = zip(*(column.to_pylist() for column in taken.columns), strict=True)
    found = []
    for distance, source, _ in hits:
        key, *values = next(rows[source])
        found.append({"id": key, "distance": distance, "entity": dict(zip(others, values, strict=True))})
    return found


def quicken_engine() -> None:
    """Change the engine's classes in this process, once, before a folder is opened."""
    engine: Any = collection_module
    if engine.execute_search_with_index is execute_search_with_index:
        engine.execute_search_with_index = _execute
        remember_states(DeltaIndex, MemTable)
        _make_rows_quickly(Segment)


def _execute(**given: Any) -> Any:
    """As the engine's, for the plain case."""
    segments = [segment for segment in given["segments"] if segment.num_rows > 0]
    if not _is_plain(given, segments):
        return execute_search_with_index(**given)
    asked = np.asarray(given["query_vectors"], dtype=np.float32).reshape(-1)
    length = float(np.linalg.norm(asked))
    wanted = Wanted(
        vector=asked / length if length else asked,
        limit=given["top_k"],
        field=given["vector_field"],
        key=given["pk_field"],
        filter=given["compiled_filter"],
        plan=given["indexed_filter_plan"],
        columns=list(dict.fromkeys(given["output_fields"])),
    )
    return [search(segments, given["memtable"], given["delta_index"], wanted)]


def _is_plain(given: Any, segments: Sequence[Any]) -> bool:
    fields = given["output_fields"]
    schema = given["memtable"]._data_schema
    return (
        given["metric_type"] == "COSINE"
        and given["query_vectors"].size == given["query_vectors"].shape[-1]
        and given["top_k"] > 0
        and not given["partition_names"]
        and fields is not None
        and "$meta" not in schema.names
        and {*fields} <= {*schema.names}
        and not schema.field(given["vector_field"]).nullable
        and all(_has_plain_vectors(segment, given["vector_field"]) for segment in segments)
    )


def _has_plain_vectors(segment: Any, field: str) -> bool:
    index = segment.indexes.get(field)
    is_flat = index is None or index.index_type == "BRUTE_FORCE"
    return is_flat and segment._vector_field == field and segment.vector_null_mask is None


def _make_rows_quickly(segments: Any) -> None:
    """A row's vector from the array that is there, not number by number from the table."""
    slow = segments.row_to_dict

    def row_to_dict(self: Any, row: int) -> dict[str, Any]:
        names, field = self.table.schema.names, self._vector_field
        if "$meta" in names or self.vector_null_mask is not None or field not in names:
            made: dict[str, Any] = slow(self, row)
            return made
        others = {name: self.table.column(name)[row].as_py() for name in names if name not in (_SEQUENCE, field)}
        return {**others, field: self.vectors[row].tolist()}

    segments.row_to_dict = row_to_dict
