"""`"team:{team_id}#member"`: text with column names, filled from a row."""

import json
from base64 import b64encode
from collections.abc import Mapping
from hashlib import md5
from string import Formatter
from typing import Any
from uuid import UUID

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from schemas.errors import Rejected

PLACEHOLDER = "__debezium_unavailable_value"
"""What Debezium writes for a column it did not get (unchanged TOAST): never data."""
_PLACEHOLDERS = frozenset(
    {
        PLACEHOLDER,
        b64encode(PLACEHOLDER.encode()).decode(),  # of bytea
        f'{{"{PLACEHOLDER}":"{PLACEHOLDER}"}}',  # of hstore
        str(UUID(bytes=md5(PLACEHOLDER.encode(), usedforsecurity=False).digest(), version=3)),  # of uuid[]
    }
)
_PLACEHOLDER_NUMBERS = list(PLACEHOLDER.encode())


class Template:
    """Text with `{column}` slots. Only plain column names: no attribute access, no format specs, no code."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts: list[tuple[str, str | None]] = []
        for literal, column, spec, conversion in Formatter().parse(text):
            if column is not None and (not column or spec or conversion or not _is_plain(column)):
                raise ValueError(f"{{{column}}}: only a plain column name may stand between braces")
            self.parts.append((literal, column))

    @property
    def columns(self) -> list[str]:
        return [column for _, column in self.parts if column is not None]

    def render(self, row: Mapping[str, Any]) -> str | None:
        """The filled text; None if a column is null. Raises Rejected for an absent or unavailable column."""
        out: list[str] = []
        for literal, column in self.parts:
            out.append(literal)
            if column is not None:
                value = as_text(row, column)
                if value is None:
                    return None
                out.append(value)
        return "".join(out)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda t: t.text),
        )


def as_text(row: Mapping[str, Any], column: str) -> str | None:
    """A column's value as text, null as None; what is not text (numbers, arrays, JSON objects) as JSON.

    Raises Rejected where the row does not really hold the column.
    """
    if column not in row:
        raise Rejected("missing_column", f"column {column!r} is not in the row; was it dropped or renamed?")
    value = row[column]
    if value is None:
        return None
    if unavailable(value):
        raise Rejected("placeholder_value", f"column {column!r} was not sent by the database (unchanged TOAST value)")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def unavailable(value: Any) -> bool:
    """Whether Debezium wrote its placeholder for this value, in whatever way it writes it for the column's type."""
    if isinstance(value, str):
        return value in _PLACEHOLDERS
    if isinstance(value, list):
        return value == _PLACEHOLDER_NUMBERS or any(unavailable(item) for item in value)
    return isinstance(value, dict) and any(unavailable(item) for item in value.values())


def _is_plain(column: str) -> bool:
    return not any(mark in column for mark in ".[]!:{}")
