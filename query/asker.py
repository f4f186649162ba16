"""Everything a decision about an asker may depend on: who asks, with which mandate, in which circumstances."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from query.principal import Principal

T = TypeVar("T")
Operation = Literal["search", "get", "explain", "freshness", "decide", "audit"]
"""What an asker does. search and get show records; explain says why one is seen; decide appends what an agent did;
audit reads decision records."""


@dataclass(frozen=True, slots=True)
class Link:
    """One hand that a token went through, and the id to revoke what it passed on by.

    The first holder is named by the issuer. Every later one gave its name itself: a hint for readers of records, no
    proof of anything.
    """

    holder: str
    revocation_id: str


@dataclass(frozen=True, slots=True)
class Budget:
    """How many records all answers under one link of a chain, and whatever was made of it, may show."""

    revocation_id: str
    rows: int


@dataclass(frozen=True, slots=True)
class Mandate:
    """What a token leaves of the rights of the user it acts for. It only ever narrows; None narrows nothing.

    `ceiling`: attribute of a record -> the values it may have; a record without the attribute is beyond the ceiling.
    `rows`: how many records all answers together may show, by the tightest of `budgets`: those of each link that sets
    one. `expires_ms`: since 1970, UTC.
    """

    operations: frozenset[Operation] | None = None
    sources: frozenset[str] | None = None
    ceiling: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rows: int | None = None
    chain: tuple[Link, ...] = ()
    budgets: tuple[Budget, ...] = ()
    expires_ms: int | None = None

    def narrowed(self, by: "Mandate") -> "Mandate":
        """What both leave: never more than either, in any respect. The chains follow each other."""
        names = dict.fromkeys((*self.ceiling, *by.ceiling))
        ceilings = {name: [m.ceiling[name] for m in (self, by) if name in m.ceiling] for name in names}
        return Mandate(
            operations=_both(self.operations, by.operations),
            sources=_both(self.sources, by.sources),
            ceiling={name: frozenset.intersection(*values) for name, values in ceilings.items()},
            rows=_least(self.rows, by.rows),
            chain=self.chain + by.chain,
            budgets=self.budgets + by.budgets,
            expires_ms=_least(self.expires_ms, by.expires_ms),
        )


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Of one request: what it is for, when (milliseconds since 1970, UTC) and from which network address."""

    at_ms: int
    purpose: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Asker:
    """An authenticated principal, what its token leaves it, and the attributes its identity vouches for."""

    principal: Principal
    mandate: Mandate = Mandate()
    attributes: Mapping[str, str] = field(default_factory=dict)


def _both(one: frozenset[T] | None, other: frozenset[T] | None) -> frozenset[T] | None:
    return other if one is None else one if other is None else one & other


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
