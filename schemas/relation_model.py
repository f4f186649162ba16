"""The relation model: what `relations.yaml` says of each type's relations. Without one, tuples alone count."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.rewrite import KEYWORDS, Computed, From, Rewrite, This

TypeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
RelationName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Types = Mapping[str, Mapping[str, Rewrite]]
_Node = tuple[str, str]
"""A type and a relation."""


class Contradiction(NamedTuple):
    """What is wrong with a relation of a type, what to do, and a wrong name with those that it may have meant."""

    type: str
    relation: str
    what: str
    todo: str
    unknown: str = ""
    known: Collection[str] = ()


class RelationModel(BaseModel):
    """Type -> relation -> rewrite.

    A type that is not named here is as if there were no model: of each relation the tuples alone count. Of a named
    type, a relation that is not named is held by nobody as far as it grants, and by whomever its tuples name as far as
    it denies.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", title="Relations")

    types: dict[TypeName, Annotated[dict[RelationName, Rewrite], Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong = [f"{one.type}.{one.relation}: {one.what}; {one.todo}" for one in contradictions(self.types)]
        if wrong:
            raise ValueError("\n".join(wrong))
        return self


def contradictions(types: Types) -> Iterator[Contradiction]:
    """What the relations of a model say against each other, all of it."""
    for type_name, relations in types.items():
        for name, rewrite in relations.items():
            if name in KEYWORDS:
                yield Contradiction(type_name, name, f"{name!r} is a word of the language", "give it another name")
            for part, _ in rewrite.parts():
                if isinstance(part, Computed):
                    yield from _of_computed(types, (type_name, name), part)
                elif isinstance(part, From):
                    yield from _of_from(types, (type_name, name), part)
    yield from _self_excluding(types)


def _of_computed(types: Types, at: _Node, part: Computed) -> Iterator[Contradiction]:
    known = types[at[0]]
    if part.relation not in known:
        yield _unknown(at, part.relation, known)


def _of_from(types: Types, at: _Node, part: From) -> Iterator[Contradiction]:
    tupleset = types[at[0]].get(part.tupleset)
    if tupleset is None:
        yield _unknown(at, part.tupleset, types[at[0]])
    elif not isinstance(tupleset.expression, This):
        what = f"`{part}` follows the tuples of {part.tupleset!r}, which is more than its tuples ({tupleset})"
        yield Contradiction(*at, what, f"make {part.tupleset!r} `this`, or follow a relation that is")
    everywhere = {name for relations in types.values() for name in relations}
    if part.relation not in everywhere:
        what = f"no type has a relation {part.relation!r}, so `{part}` is nobody"
        todo = f"declare it for the type that {part.tupleset!r} leads to, as `{part.relation}: this`"
        yield Contradiction(*at, what, todo, part.relation, everywhere)


def _unknown(at: _Node, name: str, known: Collection[str]) -> Contradiction:
    what = f"type {at[0]!r} has no relation {name!r}"
    return Contradiction(*at, what, f"declare it as `{name}: this`, or use one of {', '.join(known)}", name, known)


def _self_excluding(types: Types) -> Iterator[Contradiction]:
    """Relations that depend on their own exclusion: of these nobody can say who is in them."""
    needs = {
        (type_name, name): set(_needs(types, type_name, rewrite))
        for type_name, relations in types.items()
        for name, rewrite in relations.items()
    }
    for node, edges in needs.items():
        for needed, excluded in edges:
            if excluded and node in _reached(needed, needs):
                what = f"it excludes {'#'.join(needed)}, which depends on {'#'.join(node)} itself"
                yield Contradiction(*node, what, "exclude a relation that does not follow from this one")
                break


def _needs(types: Types, type_name: str, rewrite: Rewrite) -> Iterator[tuple[_Node, bool]]:
    """The relations a rewrite looks at, each with whether it excludes it. Where `from` leads is only in the data."""
    for part, excluded in rewrite.parts():
        if isinstance(part, Computed):
            yield (type_name, part.relation), excluded
        elif isinstance(part, From):
            yield (type_name, part.tupleset), excluded
            for other, relations in types.items():
                if part.relation in relations:
                    yield (other, part.relation), excluded


def _reached(start: _Node, needs: Mapping[_Node, set[tuple[_Node, bool]]]) -> set[_Node]:
    reached, waiting = {start}, [start]
    for node in waiting:
        new = {needed for needed, _ in needs.get(node, ())} - reached
        reached |= new
        waiting += new
    return reached


def json_schema() -> dict[str, Any]:
    """The JSON Schema that editors check `relations.yaml` with."""
    return RelationModel.model_json_schema(mode="validation")
