"""Stage 2, describe: the contract turns a row into what is searched and shown. Pure."""

import json
from dataclasses import dataclass
from typing import Any

from connectors.rows.event_time import event_ms
from schemas.contract import TableContract
from schemas.errors import Rejected
from schemas.template import Template, unavailable


@dataclass(frozen=True, slots=True)
class Description:
    """A record's content. `text` may be empty: then there is nothing to search for."""

    title: str
    text: str
    url: str
    metadata: dict[str, Any]
    event_ms: int


def describe(row: dict[str, Any], contract: TableContract, commit_ms: int, max_text_bytes: int) -> Description:
    """Fill the contract's templates from a row. A null column leaves its whole template empty.

    Raises Rejected for a column that is absent or was not sent, a text over the limit, a time that is none.
    """
    title, text, url = (_fill(template, row) for template in (contract.title, contract.text, contract.url))
    metadata = {column: _column(row, column) for column in contract.metadata}
    size = sum(len(part.encode()) for part in (title, text, url, json.dumps(metadata)))
    if size > max_text_bytes:
        raise Rejected(
            "text_too_large", f"title, text, url and metadata are {size} bytes, the limit is {max_text_bytes}"
        )
    when = _column(row, contract.event_time) if contract.event_time else None
    return Description(
        title=title,
        text=text,
        url=url,
        metadata=metadata,
        event_ms=commit_ms if when is None else event_ms(when, str(contract.event_time)),
    )


def _fill(template: Template | None, row: dict[str, Any]) -> str:
    return "" if template is None else (template.render(row) or "").strip()


def _column(row: dict[str, Any], column: str) -> Any:
    if column not in row:
        raise Rejected("missing_column", f"column {column!r} is not in the row; was it dropped or renamed?")
    if unavailable(row[column]):
        raise Rejected("placeholder_value", f"column {column!r} was not sent by the database (unchanged TOAST value)")
    return row[column]
