"""Redaction: fields of a row that some of those who may see the row may not see."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.template import Template

Values = Annotated[tuple[str, ...], Field(min_length=1)]

SEARCHED = ("text", "title")
"""Fields that a record is found by."""


class Redaction(BaseModel):
    """Who may see a field: readers who have all that it `needs`, each attribute with one of the values.

    `when`: only of records whose own attributes have one of these values each; one that a record lacks counts as if it
    had. `instead`: the field is left out of the row (hide), or the row is not shown at all (omit).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    needs: Annotated[dict[str, Values], Field(min_length=1)]
    when: dict[str, Values] = {}
    instead: Literal["hide", "omit"] = "hide"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


Redactions = Annotated[
    tuple[Redaction, ...],
    BeforeValidator(_listed, json_schema_input_type=Redaction | tuple[Redaction, ...]),
    Field(min_length=1),
]
"""All rules of one field; each counts."""


def redaction_mistakes(
    rules: Mapping[str, tuple[Redaction, ...]], fields: Mapping[str, Any], shown: Mapping[str, Template | None]
) -> Iterator[str]:
    """What a table's redaction says against the rest of it, in words. `shown`: the templates of title, text and url.

    `fields`: `key`, `metadata` and `event_time` of the table.
    """
    for field, each in rules.items():
        hidden = any(rule.instead == "hide" for rule in each)
        if field in SEARCHED and hidden:
            yield f"{field} is what records are found by: who may not see it must not find them; write instead: omit"
        elif field not in (*SEARCHED, "url", *fields["metadata"]):
            yield f"{field!r} is no field that is shown: neither title, text, url nor a column in metadata"
        elif hidden and field != "url":
            used = [name for name, template in shown.items() if template is not None and field in template.columns]
            used += ["key"] if field in fields["key"] else []
            used += ["event_time"] if field == fields["event_time"] else []
            if used:
                yield f"{field!r} is hidden, but {', '.join(used)} would show it"
