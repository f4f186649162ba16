"""Userset rewrites: how a relation follows from tuples and from other relations, as text and as a tree.

The operators are those of Zanzibar (Pang et al., USENIX ATC 2019, section 2.3.1), in words:

    (this or editor or viewer from parent) but not banned
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

KEYWORDS = frozenset({"this", "or", "and", "but", "not", "from"})
MOST_DEPTH = 32
"""How deep parentheses may be nested."""
_TOKEN = re.compile(r"\s*([()]|[^\s()]+)")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OPERATORS = ("or", "and", "but not")


@dataclass(frozen=True, slots=True)
class This:
    """Whoever a tuple of this very relation names."""

    def __str__(self) -> str:
        return "this"


@dataclass(frozen=True, slots=True)
class Computed:
    """Whoever has another relation to the same object."""

    relation: str

    def __str__(self) -> str:
        return self.relation


@dataclass(frozen=True, slots=True)
class From:
    """Whoever has `relation` to an object that a tuple of `tupleset` names: `viewer from parent`."""

    relation: str
    tupleset: str

    def __str__(self) -> str:
        return f"{self.relation} from {self.tupleset}"


@dataclass(frozen=True, slots=True)
class Union:
    parts: tuple["Expression", ...]

    def __str__(self) -> str:
        return " or ".join(map(_inner, self.parts))


@dataclass(frozen=True, slots=True)
class Intersection:
    parts: tuple["Expression", ...]

    def __str__(self) -> str:
        return " and ".join(map(_inner, self.parts))


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Whoever is in `base` and not in `minus`."""

    base: "Expression"
    minus: "Expression"

    def __str__(self) -> str:
        return f"{_inner(self.base)} but not {_inner(self.minus)}"


Expression = This | Computed | From | Union | Intersection | Exclusion


def _inner(part: Expression) -> str:
    return f"({part})" if isinstance(part, Union | Intersection | Exclusion) else str(part)


class Rewrite:
    """One rewrite: its expression, and the text somebody wrote. Raises ValueError for what cannot be read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.expression = _Parser(text).parse()

    def parts(self) -> Iterator[tuple[Expression, bool]]:
        """Every part of the expression, each with whether it stands on the right of a `but not`."""
        waiting: list[tuple[Expression, bool]] = [(self.expression, False)]
        while waiting:
            part, excluded = waiting.pop()
            yield part, excluded
            if isinstance(part, Union | Intersection):
                waiting += [(inner, excluded) for inner in part.parts]
            elif isinstance(part, Exclusion):
                waiting += [(part.base, excluded), (part.minus, True)]

    @property
    def takes_tuples(self) -> bool:
        """Whether tuples of the relation count: whether `this` is part of it."""
        return any(isinstance(part, This) for part, _ in self.parts())

    def __str__(self) -> str:
        return str(self.expression)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rewrite) and other.expression == self.expression

    def __hash__(self) -> int:
        return hash(self.expression)

    def __repr__(self) -> str:
        return f"Rewrite({self.text!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda rewrite: rewrite.text),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": r"^[a-z0-9_()\s]+$",
            "description": "this, a relation, `relation from tupleset`; joined by `or`, `and`, `but not`, ( and )",
            "examples": ["this", "this or editor or viewer from parent", "(this or viewer from folder) but not banned"],
        }


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._next = 0

    def parse(self) -> Expression:
        if not self._tokens:
            raise ValueError("the rewrite is empty; write `this` for the tuples alone")
        found = self._expression(0)
        if self._peek() == ")":
            raise ValueError("a `)` closes nothing; take it away")
        if self._peek():
            raise ValueError(f"{self._peek()!r} does not follow what is before it; join with `or`, `and` or `but not`")
        return found

    def _expression(self, depth: int) -> Expression:
        parts = [self._operand(depth)]
        operator = self._operator()
        first = operator
        while operator:
            if operator != first or (operator == "but not" and len(parts) == 2):
                raise ValueError(f"`{first}` and `{operator}` stand side by side; say with ( ) which comes first")
            parts.append(self._operand(depth))
            operator = self._operator()
        match first:
            case "or":
                return Union(tuple(parts))
            case "and":
                return Intersection(tuple(parts))
            case "but not":
                return Exclusion(*parts)
        return parts[0]

    def _operator(self) -> str:
        word = self._peek()
        if word == "but":
            self._take()
            if self._peek() != "not":
                raise ValueError("`but` is followed by `not`: write `a but not b`")
            self._take()
            return "but not"
        return self._take() if word in _OPERATORS else ""

    def _operand(self, depth: int) -> Expression:
        word = self._take()
        if word == "(":
            if depth == MOST_DEPTH:
                raise ValueError(
                    f"more than {MOST_DEPTH} parentheses inside each other; name a part as its own relation"
                )
            inside = self._expression(depth + 1)
            if self._take() != ")":
                raise ValueError("a `(` is not closed; add the `)`")
            return inside
        if word == "this":
            if self._peek() == "from":
                raise ValueError("`this from` means nothing; name a relation before `from`, as `viewer from parent`")
            return This()
        relation = _relation(word)
        if self._peek() != "from":
            return Computed(relation)
        self._take()
        return From(relation, _relation(self._take()))

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        word = self._peek()
        self._next += 1
        return word


def _relation(word: str) -> str:
    if not word or word in KEYWORDS or word in "()":
        raise ValueError(f"a relation is missing before {word!r}" if word else "a relation is missing at the end")
    if not _NAME.fullmatch(word):
        raise ValueError(f"{word!r} is no relation: use lower-case letters, digits and _")
    return word
