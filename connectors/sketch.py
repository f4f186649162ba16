"""A table of a contract as far as it can be read, right or wrong: what the checks against other things need of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemas.contract import contradictions
from schemas.template import Template

_FILLED = ("text", "title", "url", "permissions", "relation")
"""Fields that hold templates, at any depth."""


@dataclass(frozen=True)
class Sketch:
    """`used` are the columns named by anything but `mask`. What is not written as it must be is left out."""

    key: tuple[str, ...] = ()
    event_time: str | None = None
    mask: tuple[str, ...] = ()
    used: frozenset[str] = frozenset()
    contradictions: tuple[str, ...] = ()
    """What its fields say against each other, in words."""

    def columns(self) -> set[str]:
        """Every column it names."""
        return {*self.used, *self.mask}


def sketch(data: Any) -> Sketch:
    """Read a table of a YAML document. Never raises."""
    if not isinstance(data, dict):
        return Sketch()
    key, mask = names_in(data.get("key")), names_in(data.get("mask"))
    event_time = next(iter(names_in(data.get("event_time"))), None)
    filled = {column for name in _FILLED for text in _texts(data.get(name)) for column in _columns(text)}
    quality = data.get("quality")
    required = names_in(quality.get("required")) if isinstance(quality, dict) else ()
    named = {*key, *names_in(data.get("metadata")), *required, *filled}
    used = frozenset(named | ({event_time} if event_time else set()))
    searchable = [data.get(name) is not None for name in ("text", "permissions")]
    said = contradictions((searchable[0], searchable[1]), bool(data.get("relation")), used, mask)
    return Sketch(key, event_time, mask, used, tuple(said))


def names_in(value: Any) -> tuple[str, ...]:
    """The names in what is written as one, or as a list of them; anything else is left out."""
    values = value if isinstance(value, list) else [value]
    return tuple(name for name in values if isinstance(name, str) and name)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _columns(text: str) -> list[str]:
    try:
        return Template(text).columns
    except ValueError:
        return []
