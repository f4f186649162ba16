"""Generations of an index: each a complete index of its own. One is live; a rebuild makes the next one beside it.

What readers and writers must agree on is kept with the generations themselves, so there is one truth:

    live        the one that is read, and that the stream job writes
    model       whose vectors a generation holds; decided when it is made, for ever
    rebuild     on the live one: which rebuild is under way, and that it is alive
    hold        on the live one: writers are asked to pause, because another generation is about to become live
    held        on the live one: for which partitions of freshline.changes the writer has paused, for which hold
    fed         the offsets of freshline.changes up to which a generation is complete; none = half built
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from index.embedder import ModelSpec


@dataclass(frozen=True, slots=True)
class Hold:
    """A pause of all writers. `target` is about to become live: who cannot write it must not agree to pause."""

    id: str
    target: int


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation as it is described now."""

    number: int
    model: ModelSpec
    rebuild: str = ""
    hold: Hold | None = None
    held: Mapping[int, str] = field(default_factory=dict)
    fed: Mapping[int, int] | None = None

    def held_for(self, hold: Hold) -> set[int]:
        """The partitions whose writer has paused for this hold."""
        return {partition for partition, hold_id in self.held.items() if hold_id == hold.id}


class Catalogue(Protocol):
    """What a writer needs to know of generations. Blocking, thread-safe; raises IndexUnavailable."""

    def live(self) -> Generation | None:
        """The live generation as it is now; None before there is any."""

    def get(self, number: int) -> Generation | None: ...

    def acknowledge(self, number: int, hold: Hold, partitions: Iterable[int]) -> None:
        """Say that whoever writes these partitions has paused."""
