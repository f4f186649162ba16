"""Every PostgreSQL type, as Debezium really writes it under each of its options: as text, as a time, as no value."""

import pytest
from recorded_kinds import row

from connectors.rows.event_time import event_ms
from schemas.errors import Rejected
from schemas.template import as_text, unavailable

TYPES = {
    "a_smallint": "12",
    "a_bigint": "9007199254740993",
    "a_boolean": "true",
    "a_real": "1.5",
    "a_double": "0.1",
    "a_numeric": "12345678901234567890.000000001",
    "a_decimal": "12.30",
    "a_money": "9.99",
    "a_char": "ab   ",
    "a_varchar": "short",
    "a_text": "Grüße \U0001f40e",
    "an_enum": "cross",
    "a_domain": "north",
    "a_uuid": "8f14e45f-ceea-467f-ab1e-5f0a8c3d9b11",
    "an_inet": "10.1.2.3/8",
    "a_cidr": "10.1.0.0/16",
    "a_macaddr": "08:00:2b:01:02:03",
    "a_bit": "BQ==",
    "a_xml": "<a>1</a>",
    "a_json": '{"b": 1,  "a": null}',
    "a_jsonb": '{"a": [true], "b": 1}',
    "an_hstore": '{"k":"v","n":null}',
    "a_bytea": "AP8Q",
    "a_date": "2026-11-23Z",
    "a_time": "05:06:07.123456Z",
    "a_timetz": "03:06:07Z",
    "a_timestamp": "2026-11-23T05:06:07.123456Z",
    "a_timestamptz": "2026-11-23T03:06:07.123456Z",
    "a_timestamp3": "2026-11-23T05:06:07.123Z",
    "an_interval": "37091106000000",
    "ints": "[1, 2, null]",
    "texts": '["a b", "{}", null]',
    "moods": '["calm", "cross"]',
    "uuids": '["8f14e45f-ceea-467f-ab1e-5f0a8c3d9b11"]',
    "numerics": '["1.50", "2"]',
    "moments": '["2026-11-23T05:06:07.000000Z"]',
    "a_point": '{"x": 1.0, "y": 2.0, "wkb": "AQEAAAAAAAAAAADwPwAAAAAAAABA", "srid": null}',
    "an_int4range": "[1,5)",
    "a_tstzrange": '["2026-11-23 00:00:00+00","2026-11-24 00:00:00+00")',
}
"""Column of each type -> its value as text, with the samples' options."""
NUMBERED_TIMES = {
    "a_date": "20780",
    "a_time": "18367123456",
    "a_timestamp": "1795410367123456",
    "a_timestamp3": "1795410367123",
}
OTHERWISE: dict[str, dict[str, str]] = {
    "plain": {},
    "schemas": {},
    "adaptive": NUMBERED_TIMES,
    "connect": {
        **NUMBERED_TIMES,
        "a_time": "18367123",
        "a_timestamp": "1795410367123",
        "a_numeric": "1.2345678901234567e+19",
        "a_decimal": "12.3",
        "a_money": "9.99",
        "numerics": "[1.5, 2.0]",
    },
    "maps": {"an_hstore": '{"k": "v", "n": null}', "a_bytea": "00ff10", "an_interval": "P1Y2M3DT4H5M6S"},
}
"""Connector -> what its options change."""


@pytest.mark.parametrize("connector", OTHERWISE)
def test_every_type_of_postgresql_reads_as_text(connector: str) -> None:
    read = row(f"types.{connector}", "rows", 0)
    assert {column: as_text(read, column) for column in read if column != "id"} == TYPES | OTHERWISE[connector]
    empty = row(f"types.{connector}", "rows", 1)
    assert {as_text(empty, column) for column in empty if column != "id"} == {None}


@pytest.mark.parametrize("connector", OTHERWISE)
@pytest.mark.parametrize(
    ("column", "exact"),
    [
        ("a_date", 1795392000000),
        ("a_timestamp", 1795410367123),
        ("a_timestamp3", 1795410367123),
        ("a_timestamptz", 1795403167123),
    ],
)
def test_every_date_and_timestamp_is_an_event_time_in_every_precision_mode(
    connector: str, column: str, exact: int
) -> None:
    assert event_ms(row(f"types.{connector}", "rows", 0)[column], column) == exact


@pytest.mark.parametrize("column", ["a_date", "a_timestamp", "a_timestamptz"])
def test_infinity_and_years_beyond_four_digits_are_no_event_times(column: str) -> None:
    for number in range(4):
        with pytest.raises(Rejected) as caught:
            event_ms(row("times.plain", "rows", number)[column], column)
        assert caught.value.reason == "malformed_event"


@pytest.mark.parametrize(("column", "exact"), [("a_date", -86_400_000), ("a_timestamp", -1), ("a_timestamptz", -1)])
def test_times_before_1970_are_event_times(column: str, exact: int) -> None:
    assert event_ms(row("times.plain", "rows", 4)[column], column) == exact


def test_nothing_unchanged_and_large_is_taken_for_data_even_without_its_past() -> None:
    """But floats, booleans, numbers and times in arrays: Debezium writes null for them, which cannot be told."""
    read = row("toast_arrays.plain", "arrays", 1)
    told = {column: unavailable(value) for column, value in read.items() if column not in ("id", "short")}
    assert {column for column, hidden in told.items() if hidden} == {"ints", "bigs", "uuids"}
    assert {column for column, value in read.items() if value is None} == {
        "floats",
        "flags",
        "numbers",
        "days",
        "moments",
    }
    for connector in ("plain", "maps"):
        read = row(f"toast.{connector}", "notes", 1)
        assert {column for column, value in read.items() if unavailable(value)} == {
            "body",
            "data",
            "words",
            "extra",
            "tags",
        }
