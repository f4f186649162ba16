"""Everything a decision about an asker may depend on: who asks, with which mandate, in which circumstances."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from query.principal import Principal

Operation = Literal["search", "get", "explain", "freshness", "decide", "audit"]
"""What an asker does. search and get show records; explain says why one is seen; decide appends what an agent did;
audit reads decision records."""


@dataclass(frozen=True, slots=True)
class Link:
    """One hand of a token chain: whose key signed it, whom it is for, and the id to revoke it by (hexadecimal)."""

    holder: str
    revocation_id: str


@dataclass(frozen=True, slots=True)
class Mandate:
    """What a token leaves of the rights of the user it acts for. It only ever narrows; None narrows nothing.

    `ceiling`: attribute of a record -> the values it may have; a record without the attribute is beyond the ceiling.
    `rows`: how many records all answers together may show. `expires_ms`: since 1970, UTC.
    """

    operations: frozenset[Operation] | None = None
    sources: frozenset[str] | None = None
    ceiling: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rows: int | None = None
    chain: tuple[Link, ...] = ()
    expires_ms: int | None = None


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
