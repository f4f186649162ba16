"""Columns that are made quickly are, byte for byte, those that the engine makes."""

from typing import Any

import pytest
from milvus_lite.adapter.grpc.translators import records
from milvus_lite.schema.types import DataType, FieldSchema

from infra.local import milvus_answers
from infra.local.milvus_answers import build, build_slowly

TEXT = FieldSchema("text", DataType.VARCHAR, max_length=64, nullable=True)
NUMBER = FieldSchema("number", DataType.INT64, nullable=True)
VECTOR = FieldSchema("vector", DataType.FLOAT_VECTOR, dim=3, nullable=True)
COLUMNS: list[tuple[FieldSchema, list[Any]]] = [
    (TEXT, []),
    (TEXT, ["", "plain", "größer", "日本語"]),
    (TEXT, ["one", None]),
    (NUMBER, []),
    (NUMBER, [0, -1, 2**63 - 1, -(2**63)]),
    (NUMBER, [1, None]),
    (NUMBER, [True, 1]),
    (VECTOR, []),
    (VECTOR, [[0.1, 2.0, -3.5], [1, 0, 0]]),
    (VECTOR, [[0.1, 2.0, -3.5], None]),
    (FieldSchema("flag", DataType.BOOL), [True, False]),
    (FieldSchema("ratio", DataType.DOUBLE), [0.1, 2.0]),
    (FieldSchema("small", DataType.INT32), [1, 2]),
]


@pytest.mark.parametrize(("schema", "values"), COLUMNS, ids=lambda each: str(each)[:40])
def test_a_column_is_sent_as_the_engine_would_send_it(schema: FieldSchema, values: list[Any]) -> None:
    made, slowly = build(schema.name, schema, values), build_slowly(schema.name, schema, values)
    assert made.SerializeToString(deterministic=True) == slowly.SerializeToString(deterministic=True)
    assert list(made.valid_data) == list(slowly.valid_data)


def test_a_vector_of_the_wrong_length_is_refused_as_the_engine_does() -> None:
    with pytest.raises(Exception, match="expected dim 3"):
        build("vector", VECTOR, [[1.0, 2.0]])


def test_plain_columns_do_not_go_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*given: Any) -> Any:
        raise AssertionError(given)

    monkeypatch.setattr(milvus_answers, "build_slowly", never)
    for schema, values in ((TEXT, ["a"]), (NUMBER, [1]), (VECTOR, [[1.0, 2.0, 3.0]])):
        build(schema.name, schema, values)


def test_the_launcher_makes_columns_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_build_field_data", build_slowly)
    milvus_answers.quicken_answers()
    assert records._build_field_data is build
