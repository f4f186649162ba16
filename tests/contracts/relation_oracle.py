"""Who is in which userset, worked out the slow and obvious way, to check the quick way against.

It shares nothing with the product but the expression tree: every (object, relation, principal) there could be is asked
again and again until nothing changes, from the principal inwards at each rewrite. What stands on the right of a
`but not` becomes a relation of its own first (`viewer/1`), so that only whole relations are excluded.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from schemas.rewrite import Computed, Exclusion, Expression, From, Intersection, This, Union

Tuple3 = tuple[str, str, str]
"""An object, a relation, a subject."""
Members = frozenset[tuple[str, str, str]]
"""(object, relation, principal): the principal is in the userset."""
Node = tuple[str, str]
"""An object and a relation."""


class Oracle:
    """The members of every userset of one tenant."""

    def __init__(
        self, model: Mapping[str, Mapping[str, Expression]], tuples: Iterable[Tuple3], principals: Iterable[str]
    ) -> None:
        self.model = {name: _named(relations) for name, relations in model.items()}
        self.tuples = set(tuples)
        self.principals = sorted(set(principals))
        objects = sorted({o for o, _, _ in self.tuples} | {s.split("#")[0] for _, _, s in self.tuples})
        relations = {r for one in self.model.values() for r in one} | {r for _, r, _ in self.tuples}
        relations |= {s.split("#")[1] for _, _, s in self.tuples if "#" in s}
        self.nodes = list(product(objects, sorted(relations)))

    def well_founded(self) -> tuple[Members, Members]:
        """Who is in for certain and who may be, by turns, from nobody upwards."""
        certain: Members = frozenset()
        while True:
            possible = self._least(certain, self.nodes, lenient=True)
            again = self._least(possible, self.nodes, lenient=False)
            if again == certain:
                return certain, possible
            certain = again

    def stratified(self) -> Members | None:
        """Userset after userset, each once all it excludes is known; None if one excludes itself."""
        heights = dict.fromkeys(self.nodes, 0)
        for _ in range(len(self.nodes) + 1):
            higher = {node: max([0, *(heights[on] + away for on, away in self._needs(*node))]) for node in self.nodes}
            if higher == heights:
                break
            heights = higher
        else:
            return None
        members: Members = frozenset()
        for height in sorted(set(heights.values())):
            nodes = [node for node in self.nodes if heights[node] <= height]
            members = self._least(members, nodes, lenient=False)
        return members

    def _least(self, excluded: Members, nodes: list[Node], *, lenient: bool) -> Members:
        held: set[Tuple3] = set()
        while True:
            new = {
                (o, r, p)
                for (o, r), p in product(nodes, self.principals)
                if (o, r, p) not in held and self._holds(self.rule(o, r, lenient), (o, r, p), held, excluded)
            }
            if not new:
                return frozenset(held)
            held |= new

    def rule(self, o: str, r: str, lenient: bool = False) -> Expression | None:
        relations = self.model.get(o.split(":")[0])
        return This() if relations is None else relations.get(r, This() if lenient else None)

    def _holds(self, rule: Expression | None, fact: Tuple3, held: set[Tuple3], excluded: Members) -> bool:
        o, r, p = fact
        match rule:
            case This():
                subjects = [s for a, b, s in self.tuples if (a, b) == (o, r.split("/")[0])]
                return any(
                    (*s.rsplit("#", 1), p) in held if "#" in s else s in (p, "user:*", "public:*") for s in subjects
                )
            case Computed(relation):
                return (o, relation, p) in held
            case From(relation, tupleset):
                return any((x, relation, p) in held for a, b, x in self.tuples if (a, b) == (o, tupleset))
            case Union(parts):
                return any(self._holds(part, fact, held, excluded) for part in parts)
            case Intersection(parts):
                return all(self._holds(part, fact, held, excluded) for part in parts)
            case Exclusion(base, Computed(relation)):
                return self._holds(base, fact, held, excluded) and (o, relation, p) not in excluded
        return False

    def _needs(self, o: str, r: str) -> Iterator[tuple[Node, bool]]:
        """The usersets that one looks at, each with whether it excludes it."""
        waiting = [self.rule(o, r)]
        for rule in waiting:
            match rule:
                case This():
                    found = [s.rsplit("#", 1) for a, b, s in self.tuples if (a, b) == (o, r.split("/")[0]) and "#" in s]
                    yield from (((x, y), False) for x, y in found)
                case Computed(relation):
                    yield (o, relation), False
                case From(relation, tupleset):
                    found = [[x, relation] for a, b, x in self.tuples if (a, b) == (o, tupleset) and "#" not in x]
                    yield from (((x, y), False) for x, y in found)
                case Union(parts) | Intersection(parts):
                    waiting.extend(parts)
                case Exclusion(base, Computed(relation)):
                    waiting.append(base)
                    yield (o, relation), True


def _named(relations: Mapping[str, Expression]) -> dict[str, Expression]:
    """The same relations with a name for everything that is excluded."""
    named: dict[str, Expression] = {}

    def plain(name: str, rule: Expression) -> Expression:
        if isinstance(rule, Union | Intersection):
            return type(rule)(tuple(plain(name, part) for part in rule.parts))
        if isinstance(rule, Exclusion):
            new = f"{name.split('/')[0]}/{len(named)}"
            named[new] = This()
            named[new] = plain(new, rule.minus)
            return Exclusion(plain(name, rule.base), Computed(new))
        return rule

    for name, rule in relations.items():
        named[name] = plain(name, rule)
    return named
