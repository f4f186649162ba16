"""Stage 2b, quality: rows that break their table's quality rules are no data. Pure."""

from collections.abc import Iterator
from typing import Any

from connectors.rows.describe import Description
from connectors.rows.error_bodies import error_in
from schemas.contract import TableContract
from schemas.errors import Rejected
from schemas.quality import ErrorBody, Quality
from schemas.template import as_text

_EXCERPT = 60
"""Characters shown of what broke a rule."""


def check_quality(row: dict[str, Any], contract: TableContract, content: Description) -> None:
    """Return if the row breaks no rule. Raises Rejected("quality") naming the first broken rule, where and how."""
    for wrong in _broken(row, contract, content):
        raise Rejected("quality", wrong)


def _broken(row: dict[str, Any], contract: TableContract, content: Description) -> Iterator[str]:
    rules = contract.quality
    for column in rules.required:
        if not (as_text(row, column) or "").strip():
            yield f"required: column {column!r} is empty"
    yield from _size(content.text, rules)
    texts = _columns(row, contract.text.columns if contract.text else [])
    for name in rules.builtin:
        yield from _error_bodies(name, texts, content.text)
    for column, text in (texts | _columns(row, contract.title.columns if contract.title else [])).items():
        for pattern in rules.reject_if_matches:
            found = pattern.search(text)
            if found:
                yield f"reject_if_matches {pattern.pattern!r}: column {column!r} holds {_excerpt(found[0])}"


def _size(text: str, rules: Quality) -> Iterator[str]:
    if len(text) < rules.min_chars:
        yield f"min_chars: the text has {len(text)} characters, at least {rules.min_chars} are wanted"
    if rules.max_chars is not None and len(text) > rules.max_chars:
        yield f"max_chars: the text has {len(text)} characters, at most {rules.max_chars} are wanted"


def _error_bodies(name: ErrorBody, texts: dict[str, str], whole: str) -> Iterator[str]:
    """A status line is an error only where nothing else is said: as a ticket's subject it is data."""
    candidates = {"text": whole} if name == "http_error_text" else texts
    for place, text in candidates.items():
        found = error_in(text, name)
        if found is not None:
            yield f"{name}: {place!r} is an error body, not data: {_excerpt(found)}"


def _columns(row: dict[str, Any], columns: list[str]) -> dict[str, str]:
    return {column: text for column in columns if (text := as_text(row, column))}


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= _EXCERPT else line[:_EXCERPT] + "…")
