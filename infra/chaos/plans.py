"""What a transaction will do, and what its writer knows of its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.chaos.tables import MEMBERS, TABLES
from infra.chaos.timeline import Holding, member_name

Place = tuple[str, tuple[object, ...]]
"""A table and a key in it."""
Values = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One statement; `planned` is what it makes of the rows it touches (None: gone). `counted` as so many changes."""

    query: str
    values: Values
    planned: Mapping[Place, Holding | None]
    counted: int = 1


@dataclass(frozen=True, slots=True)
class Transaction:
    """Statements of one transaction; one in so many is rolled back on purpose."""

    steps: tuple[Step, ...]
    rolled_back: bool = False

    @property
    def planned(self) -> dict[Place, Holding | None]:
        return {place: what for step in self.steps for place, what in step.planned.items()}


@dataclass
class Owned:
    """What one writer knows of the rows that only it changes, as it last read them back."""

    rows: dict[Place, Holding] = field(default_factory=dict)

    def settle(self, committed: Mapping[Place, Holding | None]) -> None:
        for place, what in committed.items():
            if what is None:
                self.rows.pop(place, None)
            else:
                self.rows[place] = what

    def keys(self, table: str) -> list[Place]:
        return [place for place in self.rows if place[0] == table]


def name_of(place: Place) -> str:
    """The record id, or the name of a membership."""
    table, key = place
    if table == MEMBERS:
        return member_name(*key)
    return next(known for known in TABLES if known.name == table).record_id(key)
