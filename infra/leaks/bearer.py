"""Who asks, and with what in hand: random people, programs, identities and tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from infra.leaks.world import CLASSIFICATIONS, PEOPLE, PURPOSES, REGIONS, SOURCE, TENANTS, World
from schemas.answer import Question

Kind = Literal["own", "provider", "capability"]
"""A token of Freshline's own that says who asks and nothing else; one of an identity provider, which vouches for
attributes; a capability, which narrows at every hand it went through."""
KINDS: tuple[Kind, ...] = ("own", "provider", "capability")
MOST_HITS = 50
LONGEST_QUERY = 100


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What one hand left of a capability; None leaves all. `ceiling`: attribute of a record -> its values."""

    operations: frozenset[str] | None = None
    sources: frozenset[str] | None = None
    ceiling: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Bearer:
    """A person, the program that asks for it (or ""), and its token: what vouches for it, and what each hand left."""

    kind: Kind
    person: str
    tenant: str
    agent: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    chain: tuple[Narrowing, ...] = ()


@dataclass(frozen=True, slots=True)
class Asking:
    """A question, and who asks it."""

    bearer: Bearer
    question: Question

    def __str__(self) -> str:
        hands = "".join(f", then {one}" for one in self.bearer.chain)
        who, asked = self.bearer, self.question
        return (
            f"{who.person} of {who.tenant} (agent {who.agent!r}, attributes {dict(who.attributes)}) with a token "
            f"of kind {who.kind}{hands}; purpose {asked.purpose!r}, limit {asked.limit}"
        )


class Askers:
    """Random questions by random bearers about a world. The same for the same seed."""

    def __init__(self, random: Random, world: World) -> None:
        self._random, self._world = random, world

    def next(self) -> Asking:
        bearer = self._bearer()
        body = self._random.choice(sorted(doc.body for doc in self._world.docs.values()) or ["anything"])
        limit = self._random.randint(1, 10) if self._random.random() < 0.1 else MOST_HITS
        sources = [SOURCE] if self._random.random() < 0.2 else None
        purpose = self._random.choice(PURPOSES)
        return Asking(bearer, Question(query=body[:LONGEST_QUERY], limit=limit, sources=sources, purpose=purpose))

    def _bearer(self) -> Bearer:
        kind = self._random.choice(KINDS)
        capability = kind == "capability"
        return Bearer(
            kind,
            self._random.choice(PEOPLE),
            self._random.choice(TENANTS),
            agent=self._random.choice(("", "", "planner")),
            attributes={} if kind == "own" else self._attributes(),
            chain=tuple(self._narrowing() for _ in range(self._random.randint(1, 4))) if capability else (),
        )

    def _attributes(self) -> dict[str, str]:
        found = {}
        if self._random.random() < 0.7:
            found["clearance"] = self._random.choice(("high", "high", "low"))
        if self._random.random() < 0.7:
            found["region"] = self._random.choice(("eu", "us"))
        return found

    def _narrowing(self) -> Narrowing:
        dice = self._random.random
        operations = frozenset({"search", "freshness"}) | self._some(("get", "explain", "decide"))
        ceiling = {}
        if dice() < 0.3:
            ceiling["classification"] = self._some(CLASSIFICATIONS)
        if dice() < 0.2:
            ceiling["region"] = self._some(REGIONS)
        return Narrowing(
            operations=frozenset({"freshness"}) if dice() < 0.02 else operations if dice() < 0.4 else None,
            sources=frozenset({"elsewhere"})
            if dice() < 0.02
            else frozenset({SOURCE, "other"})
            if dice() < 0.3
            else None,
            ceiling=ceiling,
            rows=self._random.randint(1, 60) if dice() < 0.2 else None,
        )

    def _some(self, of: tuple[str | None, ...]) -> frozenset[str]:
        """One or more of these."""
        known = sorted({one for one in of if one is not None})
        return frozenset(self._random.sample(known, self._random.randint(1, len(known))))
