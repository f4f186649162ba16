"""Which usersets a principal is in, under a relation model: for certain, and possibly.

A principal spreads outwards, breadth first: along tuples, and through the parts of rewrites. Union, intersection,
`relation` and `relation from tupleset` only ever add, so one spreading finds the least fixpoint, in time that grows
with what is reached. An exclusion needs to know who is excluded, so there are two bounds, which close in on each other
in turns (the alternating fixpoint of Van Gelder, PODS 1989): who is *certainly* in, given everybody who is possibly
excluded; who is *possibly* in, given only those who are certainly excluded. What grants must be certain, what denies
need only be possible. Where tuples make a userset exclude itself the bounds never meet: it grants nothing, and denies.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from query.rewrites import Part, Program, split, type_of

MOST_ROUNDS = 32
"""Turns of the two bounds; each bound is sound after every turn, so stopping early only withholds."""


class Fact(NamedTuple):
    """A part of a rewrite holds for the principal at an object."""

    object: str
    part: Part


Reached = str | Fact
"""A name the principal acts under (itself, everyone, a userset), or a part of a rewrite that holds for it."""


class Tuples(Protocol):
    """The tuples of one tenant that count."""

    def usersets_of(self, subject: str) -> Iterable[str]:
        """The usersets that a tuple puts the subject into, in a fixed order."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Everything a principal reached, in the order of discovery, and whence."""

    came_from: Mapping[str, Reached | None]
    facts: Mapping[Fact, Reached] = field(default_factory=dict)

    def path(self, reached: Reached) -> list[str]:
        """The names from the principal to a name, both included, or to a part of a rewrite; a shortest path."""
        steps: list[str] = []
        step: Reached | None = reached
        while step is not None:
            if isinstance(step, str):
                steps.append(step)
                step = self.came_from[step]
            else:
                step = self.facts[step]
        return steps[::-1]

    def __len__(self) -> int:
        return len(self.came_from) + len(self.facts)


@dataclass(frozen=True, slots=True)
class Bounds:
    """`possible` None: nobody can say what the principal is not in, so every userset is possible."""

    certain: Reach
    possible: Reach | None

    def may_be(self, name: str) -> bool:
        """Whether the principal possibly acts under the name."""
        if name in self.certain.came_from:
            return True
        return "#" in name if self.possible is None else name in self.possible.came_from


def bounds(program: Program, names: Mapping[str, str | None], tuples: Tuples, *, complete: bool = True) -> Bounds:
    """The bounds of a principal that acts under `names` (name -> whence) to begin with.

    Not `complete`: tuples may be missing, so whoever an exclusion names may be excluded.
    """
    if not complete:
        return Bounds(_Spread(program, tuples, grants=True, excluded=None).over(names), None)
    spread = _Spread(program, tuples, grants=False, excluded=Reach({}))
    possible = spread.over(names)
    if spread.exact:
        return Bounds(possible, possible)
    certain = possible
    for _ in range(MOST_ROUNDS):
        certain = _Spread(program, tuples, grants=True, excluded=possible).over(names)
        narrower = _Spread(program, tuples, grants=False, excluded=certain).over(names)
        settled = len(narrower) in (len(certain), len(possible))
        possible = narrower
        if settled:
            break
    return Bounds(certain, possible)


class _Spread:
    """One spreading. `grants`: relations that a declared type has not are nobody's. `excluded` None: everybody is."""

    def __init__(self, program: Program, tuples: Tuples, *, grants: bool, excluded: Reach | None) -> None:
        self._program = program
        self._tuples = tuples
        self._grants = grants
        self._excluded = excluded
        self._came_from: dict[str, Reached | None] = {}
        self._facts: dict[Fact, Reached] = {}
        self._waiting: list[Reached] = []
        self._feared: list[Fact] = []
        self._undeclared = False

    @property
    def exact(self) -> bool:
        """Whether nothing hung on an exclusion or on an undeclared relation: then the bounds are one."""
        return not self._undeclared and not any(fact in self._facts for fact in self._feared)

    def over(self, names: Mapping[str, str | None]) -> Reach:
        self._came_from.update(names)
        self._waiting.extend(names)
        for reached in self._waiting:  # grows meanwhile
            if isinstance(reached, str):
                self._from_name(reached)
            else:
                self._from_fact(reached)
        return Reach(self._came_from, self._facts)

    def _from_name(self, name: str) -> None:
        for userset in self._tuples.usersets_of(name):
            self._follow(name, userset)
        if not self._program.declared:
            return
        object_name, relation = split(name)
        for part in self._program.computed.get((type_of(name), relation), ()):
            self._hold(Fact(object_name, part), name)
        arrows = self._program.arrows.get(relation)
        if arrows:
            for tupleset in self._tuples.usersets_of(object_name):
                other, along = split(tupleset)
                for part in arrows.get((type_of(other), along), ()):
                    self._hold(Fact(other, part), name)

    def _follow(self, subject: str, userset: str) -> None:
        """A tuple puts `subject`, which the principal acts under, into the userset."""
        object_name, relation = split(userset)
        at = (type_of(userset), relation)
        relations = self._program.declared.get(at[0])
        if relations is None or at in self._program.plain:
            self._reach(userset, subject)
        elif relation in relations:
            for part in self._program.direct.get(at, ()):  # also if it is reached otherwise: a part may exclude
                self._hold(Fact(object_name, part), subject)
        else:
            self._undeclared = True
            if not self._grants:
                self._reach(userset, subject)

    def _from_fact(self, fact: Fact) -> None:
        object_name, part = fact
        relation = self._program.root_of.get(part)
        if relation is not None:
            self._reach(f"{object_name}#{relation}", fact)
        for feed in self._program.feeds[part]:
            others = [Fact(object_name, other) for other in feed.others]
            if feed.when == "unless":
                self._feared += others
                holds = self._excluded is not None and others[0] not in self._excluded.facts
            else:
                holds = all(other in self._facts for other in others)
            if holds:
                self._hold(Fact(object_name, feed.into), fact)

    def _reach(self, name: str, whence: Reached) -> None:
        if name not in self._came_from:
            self._came_from[name] = whence
            self._waiting.append(name)

    def _hold(self, fact: Fact, whence: Reached) -> None:
        if fact not in self._facts:
            self._facts[fact] = whence
            self._waiting.append(fact)
