"""Columns of an answer as Milvus Lite sends them, made at once where it turns over each value.

It reaches into Milvus Lite's internals on purpose and fits exactly the pinned version. Only columns of texts, of whole
numbers and of vectors without a null are made here; every other one is left to the engine. What is sent is the same;
tests compare the two.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from milvus_lite.adapter.grpc.translators import records
from milvus_lite.schema.types import DataType
from pymilvus.grpc_gen import schema_pb2

Build = Callable[[str, Any, Sequence[Any]], Any]
"""Name, schema and values of a column to what is sent of it."""
PLAIN = {DataType.VARCHAR: str, DataType.INT64: int}
build_slowly: Build = records._build_field_data


def quicken_answers() -> None:
    """Change the engine's translator in this process, once, before the port opens."""
    translator: Any = records
    translator._build_field_data = build


def build(name: str, schema: Any, values: Sequence[Any]) -> Any:
    """One column. Raises as the engine does for what it cannot send."""
    if schema.dtype in PLAIN and {*map(type, values)} <= {PLAIN[schema.dtype]}:
        return _scalars(name, schema.dtype, values)
    if schema.dtype == DataType.FLOAT_VECTOR and all(v is not None and len(v) == schema.dim for v in values):
        return _vectors(name, schema.dim, values)
    return build_slowly(name, schema, values)


def _scalars(name: str, dtype: DataType, values: Sequence[Any]) -> Any:
    if dtype == DataType.VARCHAR:
        texts = schema_pb2.ScalarField(string_data=schema_pb2.StringArray(data=values))
        return schema_pb2.FieldData(field_name=name, type=schema_pb2.VarChar, scalars=texts)
    numbers = schema_pb2.ScalarField(long_data=schema_pb2.LongArray(data=values))
    return schema_pb2.FieldData(field_name=name, type=schema_pb2.Int64, scalars=numbers)


def _vectors(name: str, dimension: int, values: Sequence[Any]) -> Any:
    numbers = schema_pb2.FloatArray(data=chain.from_iterable(values))
    vectors = schema_pb2.VectorField(dim=dimension, float_vector=numbers)
    return schema_pb2.FieldData(field_name=name, type=schema_pb2.FloatVector, vectors=vectors)
