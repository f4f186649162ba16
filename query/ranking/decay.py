"""How relevance fades with age, and how old a row may be that can still win."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from index.store import Found
from schemas.contract import Contract

MARGIN = 1e-9
"""Cutoffs are taken this much lower, so that no rounding excludes a row that could win."""
FAR_MS = 10**15
"""Milliseconds; older than this nothing is."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How fast a source fades: half-life in seconds, and the share that is left of a very old row."""

    half_life_s: float
    floor: float

    def freshness(self, age_ms: float) -> float:
        """Between `floor` and 1. What lies in the future is as fresh as what happened just now."""
        halvings = max(0.0, age_ms) / 1000 / self.half_life_s
        return self.floor + (1 - self.floor) * math.exp2(-halvings)

    def oldest_ms(self, least: float) -> float | None:
        """The age beyond which freshness is below `least`; None if it never is. Milliseconds."""
        least -= MARGIN
        if least <= self.floor:
            return None
        if least >= 1:
            return 0.0
        return -math.log2((least - self.floor) / (1 - self.floor)) * self.half_life_s * 1000


@dataclass(frozen=True, slots=True)
class Decay:
    """The terms of each source that is asked, at one moment (milliseconds since 1970, UTC)."""

    terms: Mapping[str, Terms]
    now_ms: int

    def freshness(self, found: Found) -> float:
        return self.terms[found.row.source].freshness(self.now_ms - found.row.event_ms)

    def events_from(self, sources: Iterable[str], least: float) -> dict[str, int]:
        """Source -> the earliest event whose freshness may be `least` or more; without sources that never fall below
        it."""
        ages = {source: self.terms[source].oldest_ms(least) for source in sources if source in self.terms}
        return {
            source: self.now_ms - math.ceil(age_ms) - 1
            for source, age_ms in ages.items()
            if age_ms is not None and age_ms < FAR_MS
        }


def decay_of(
    contracts: Mapping[str, Contract], now_ms: int, half_life_s: float | None = None, floor: float | None = None
) -> Decay:
    """Each source's own half-life and floor, unless a question has its own."""
    return Decay(
        {
            source: Terms(
                contract.freshness.half_life if half_life_s is None else half_life_s,
                contract.freshness.floor if floor is None else floor,
            )
            for source, contract in contracts.items()
        },
        now_ms,
    )
