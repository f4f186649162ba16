"""Every PostgreSQL type becomes the very JSON that Debezium wrote of it, as recorded from snapshot and stream."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.rows.unsure import Unsure
from connectors.rows.values import Kind, to_json

RECORDED = Path(__file__).parents[3] / "data" / "postgres_values.jsonl"
LINES = [orjson.loads(line) for line in RECORDED.read_bytes().splitlines()]
TYPES = sorted({line["type"] for line in LINES if line["json"] != "left out"} - {"name", "point"})


def kind_of(line: dict[str, Any]) -> Kind:
    return Kind(line["type"], line["modifier"], line["array"], line["enum"], line["domain_array"])


@pytest.mark.parametrize("name", TYPES)
def test_a_value_is_written_as_debezium_wrote_it(name: str) -> None:
    lines = [line for line in LINES if line["type"] == name and line["json"] != "left out"]
    assert lines
    for line in lines:
        value = to_json(kind_of(line), line["text"])
        assert (value, type(value)) == (line["json"], type(line["json"]))


def test_every_type_that_a_text_or_permission_can_use_was_recorded() -> None:
    assert {*TYPES} >= {"numeric", "date", "timestamp", "timestamptz", "time", "bytea", "json", "jsonb", "mood", "uuid"}
    assert {*TYPES} >= {"hstore", "text", "bool", "int8", "float8", "bpchar", "inet", "interval", "money", "tstzrange"}
    assert {line["type"] for line in LINES if line["array"]} >= {"text", "int4", "numeric", "uuid", "jsonb", "mood"}


def test_types_that_debezium_does_not_know_are_known_to_be_left_out() -> None:
    left_out = [line for line in LINES if line["json"] == "left out"]
    assert {line["type"] for line in left_out} >= {"line", "pg_lsn", "comp", "tsquery", "xml", "interval"}
    assert not any(kind_of(line).captured for line in left_out)
    assert all(kind_of(line).captured for line in LINES if line["json"] != "left out")


@pytest.mark.parametrize("name", ["int4", "text", "hstore", "timestamptz", "numeric"])
def test_null_is_null(name: str) -> None:
    assert to_json(Kind(name), None) is None
    assert to_json(Kind(name, array=True), ["NULL", None][1:]) == [None]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind("date"), "infinity"),
        (Kind("date"), "0044-03-15 BC"),
        (Kind("name"), "nm"),
        (Kind("float4"), "1e-45"),
        (Kind("numeric", ((5 << 16) | (-2 & 0x7FF)) + 4), "1200"),
        (Kind("point"), "(1,2)"),
    ],
    ids=str,
)
def test_where_debezium_does_not_always_write_the_same_nothing_is_claimed(kind: Kind, text: str) -> None:
    with pytest.raises(Unsure):
        to_json(kind, text)


def test_hstore_keys_come_in_the_order_of_a_java_hash_map() -> None:
    text = '"b"=>"4", "k1"=>"6", "k2"=>"7", "mm"=>"3", "x9"=>NULL, "ü"=>"8", "a b"=>"c,d\\\\e", "foo"=>"\\"q\\""'
    assert to_json(Kind("hstore"), text) == (
        '{"mm":"3","x9":null,"b":"4","a b":"c,d\\\\e","k1":"6","k2":"7","foo":"\\"q\\"","ü":"8"}'
    )
