"""What a database value becomes in Debezium's JSON, from PostgreSQL's text of it. Pure.

Learnt from real events of every type, of snapshot and stream: tests/data/postgres_values.jsonl. The text must be
written with `SESSION` in force. Debezium options that would make other JSON of a type are named in `NEEDED`.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.rows.hstore import hstore_json
from connectors.rows.times import iso_date, iso_time, iso_timestamp, iso_timestamptz, iso_timetz, microseconds
from connectors.rows.unsure import Unsure

Value = str | list[Any] | None
"""A value as PostgreSQL writes it: text; for an array its elements, nested as it is; None for null."""

SESSION: Final = {
    "DateStyle": "ISO, YMD",
    "TimeZone": "UTC",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_monetary": "C",
    "client_encoding": "UTF8",
}
"""PostgreSQL settings that decide how values are written."""

NEEDED: Final[Mapping[str, tuple[str, str, str]]] = {
    **dict.fromkeys(("numeric", "money"), ("decimal.handling.mode", "string", "precise")),
    **dict.fromkeys(("date", "time", "timestamp", "timetz"), ("time.precision.mode", "isostring", "adaptive")),
    "bytea": ("binary.handling.mode", "bytes", "bytes"),
    "hstore": ("hstore.handling.mode", "json", "json"),
    "interval": ("interval.handling.mode", "numeric", "numeric"),
}
"""Type -> the option that decides its JSON, the value of it that is known here, and Debezium's default."""

SMALLEST_REAL = 1.2e-38
_NUMBERS = {"NaN": "NAN", "Infinity": "POSITIVE_INFINITY", "-Infinity": "NEGATIVE_INFINITY"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A column's type: domains resolved to what they are made of. `enum`: whether values are an enum's labels.

    `modifier` is PostgreSQL's (precision, length), -1 for none. For an array, all of it is about the elements.
    """

    name: str
    modifier: int = -1
    array: bool = False
    enum: bool = False
    domain_array: bool = False

    @property
    def captured(self) -> bool:
        """Whether Debezium sends such a column at all; it leaves out types it does not know."""
        known = self.enum or self.name in _CONVERTERS or self.name in _BY_MODIFIER
        if self.array:
            return known and not self.domain_array and self.name not in _NO_ARRAY
        return known or self.name in _UNSURE


def to_json(kind: Kind, value: Value) -> Any:
    """The JSON value. Raises Unsure where Debezium itself does not always write the same, or we do not know."""
    if value is None:
        return None
    if kind.name in _UNSURE:
        raise Unsure(f"values of type {kind.name} are not compared")
    if isinstance(value, str):
        return _scalar(kind, value)
    if kind.name == "bit" or (kind.name == "numeric" and any(item in _NUMBERS for item in value)):
        return None  # as Debezium does: one NaN spoils a whole array
    return [_scalar(kind, item) if isinstance(item, str) else None for item in value]  # nested arrays come as nulls


def _scalar(kind: Kind, text: str) -> Any:
    if kind.enum:
        return text
    by_modifier = _BY_MODIFIER.get(kind.name)
    return by_modifier(text, kind.modifier) if by_modifier else _CONVERTERS[kind.name](text)


def _number(text: str) -> Any:
    value = float(text)
    if value != value:
        return "NaN"
    return value if abs(value) != float("inf") else ("Infinity" if value > 0 else "-Infinity")


def _real(text: str) -> Any:
    if 0 < abs(float(text)) < SMALLEST_REAL:
        raise Unsure("the smallest values of real have more digits in some versions of Java")
    return _number(text)


def _decimal(text: str, modifier: int) -> str:
    if modifier >= 4 and (modifier - 4) & 0x400:
        raise Unsure("values of numeric with a negative scale are not compared")
    return _NUMBERS.get(text, text)


def _bits(text: str, modifier: int) -> bool | str:
    """One bit is a boolean; more are bytes, the last bit first, without zero bytes at the end."""
    if modifier == 1:
        return text == "1"
    number = int(text or "0", 2)
    return b64encode(number.to_bytes((number.bit_length() + 7) // 8, "little")).decode()


_STRINGS = ("text", "varchar", "bpchar", "char", "citext", "uuid", "json", "jsonb", "xml", "ltree", "tsvector")
_RANGES = ("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange")
_ADDRESSES = ("inet", "cidr", "macaddr", "macaddr8")
_CONVERTERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys((*_STRINGS, *_RANGES, *_ADDRESSES), str),
    **dict.fromkeys(("int2", "int4", "int8", "oid"), int),
    "float4": _real,
    "float8": _number,
    "bool": lambda text: text in ("t", "true"),
    "money": lambda text: re.sub(r"[^\d.-]", "", text),
    "bytea": lambda text: b64encode(bytes.fromhex(text.removeprefix("\\x"))).decode(),
    "hstore": hstore_json,
    "date": iso_date,
    "time": iso_time,
    "timetz": iso_timetz,
    "timestamp": iso_timestamp,
    "interval": microseconds,
}
_BY_MODIFIER: dict[str, Callable[[str, int], Any]] = {
    "numeric": _decimal,
    "bit": _bits,
    "varbit": _bits,
    "timestamptz": iso_timestamptz,
}
_NO_ARRAY = frozenset({"varbit", "interval", "money", "xml"})
_UNSURE = frozenset({"name", "point", "geometry", "geography", "vector", "halfvec", "sparsevec"})
"""`name` comes as null from the stream; the others as structures that no text or permission is made of."""
