"""A relation model made ready for spreading from a principal outwards: each part of a rewrite knows what it feeds."""

from dataclasses import dataclass, field
from typing import Literal

from schemas.relation_model import RelationModel
from schemas.rewrite import Computed, Exclusion, Expression, From, Intersection, This, Union

Part = int
"""The number of a part of a rewrite; it stands for that part at any object of its type."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What happens to `into` when a part holds at an object.

    any: `into` holds. all: it does once every one of `others` holds too. unless: it does unless `others[0]` holds.
    """

    into: Part
    when: Literal["any", "all", "unless"] = "any"
    others: tuple[Part, ...] = ()


@dataclass
class Program:
    """The parts of all rewrites, and which of them begin to hold when a userset is reached or a tuple is followed."""

    declared: dict[str, frozenset[str]] = field(default_factory=dict)
    """Type -> its relations."""
    plain: set[tuple[str, str]] = field(default_factory=set)
    """(type, relation) whose rewrite is `this`: its tuples lead to its userset at once."""
    feeds: list[list[Feed]] = field(default_factory=list)
    root_of: dict[Part, str] = field(default_factory=dict)
    """The whole of a rewrite -> its relation."""
    whole: dict[tuple[str, str], Part] = field(default_factory=dict)
    direct: dict[tuple[str, str], list[Part]] = field(default_factory=dict)
    """(type, relation) -> each `this` in its rewrite."""
    computed: dict[tuple[str, str], list[Part]] = field(default_factory=dict)
    arrows: dict[str, dict[tuple[str, str], list[Part]]] = field(default_factory=dict)
    """Relation reached -> (type, tupleset) -> the `relation from tupleset` parts of that type."""
    expressions: list[Expression] = field(default_factory=list)
    """What each part is, as it was written."""
    inner: list[tuple[Part, ...]] = field(default_factory=list)
    """The parts that each part is made of, in order."""

    def add(self, at: tuple[str, str], expression: Expression) -> Part:
        """Number an expression and what it is made of. Nested at most MOST_DEPTH deep."""
        inner: tuple[Part, ...] = ()
        if isinstance(expression, Union | Intersection):
            inner = tuple(self.add(at, part) for part in expression.parts)
        elif isinstance(expression, Exclusion):
            inner = (self.add(at, expression.base), self.add(at, expression.minus))
        part = len(self.feeds)
        self.feeds.append([])
        self.expressions.append(expression)
        self.inner.append(inner)
        self._wire(at, part, inner)
        return part

    def _wire(self, at: tuple[str, str], part: Part, inner: tuple[Part, ...]) -> None:
        match self.expressions[part]:
            case This():
                self.direct.setdefault(at, []).append(part)
            case Computed(relation):
                self.computed.setdefault((at[0], relation), []).append(part)
            case From(relation, tupleset):
                self.arrows.setdefault(relation, {}).setdefault((at[0], tupleset), []).append(part)
            case Union():
                for one in inner:
                    self.feeds[one].append(Feed(part))
            case Intersection():
                for one in inner:
                    self.feeds[one].append(Feed(part, "all", inner))
            case Exclusion():
                self.feeds[inner[0]].append(Feed(part, "unless", (inner[1],)))


def compiled(model: RelationModel) -> Program:
    """The program of a model; an empty model gives one under which tuples alone count."""
    program = Program({name: frozenset(relations) for name, relations in model.types.items()})
    for type_name, relations in model.types.items():
        for name, rewrite in relations.items():
            at = (type_name, name)
            part = program.add(at, rewrite.expression)
            program.root_of[part] = name
            program.whole[at] = part
            if isinstance(rewrite.expression, This):
                program.plain.add(at)
    return program


def type_of(name: str) -> str:
    """folder:3 and folder:3#viewer are of type folder."""
    return name.partition(":")[0]


def split(userset: str) -> tuple[str, str]:
    """folder:3#viewer is the object folder:3 and the relation viewer; a name that is no userset has the relation ""."""
    if "#" not in userset:
        return userset, ""
    object_name, _, relation = userset.rpartition("#")
    return object_name, relation
