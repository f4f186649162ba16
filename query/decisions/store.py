"""Where the decision log is kept: the port. The store is the truth; every other copy follows it."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from query.decisions.entry import Entry
from schemas.decision import Kind

Make = Callable[[int], Sequence[Entry]]
"""From the sequence that comes next to the entries that take it and those after it."""
Runs = Sequence[tuple[int, int]]
"""Sequences, as first and last of each run."""
Role = str

PAGE = 500


class DecisionStore(Protocol):
    """Thread-safe, and safe for several processes at once. Every call ends within a few seconds.

    Every method raises Unavailable("the decision store") when it cannot do its work.
    """

    def append(self, make: Make, erased: Runs = ()) -> None:
        """Append what `make` gives, and take away the payloads of `erased`: all of it durably, or nothing.

        Sequences have no gaps, whoever else appends. `make` may run without its entries being kept.
        """

    def read(self, after: int, limit: int) -> list[Entry]:
        """Entries in rising sequence, from the first beyond `after`."""

    def read_back(self, tenant: str, before: int | None, limit: int) -> list[Entry]:
        """A tenant's entries in falling sequence, from the last below `before`; None: from the last there is."""

    def find(self, record_id: str | None = None, kind: Kind | None = None, limit: int = 1) -> list[Entry]:
        """The newest entries with this id, of this kind, or of all; newest first."""

    def rows_shown(self, revocation_ids: Collection[str]) -> int:
        """How many records were shown in answers whose token chain has any of these ids; each answer counts once."""

    def lead(self, role: Role) -> AbstractContextManager[bool]:
        """True within for one at a time, of all processes. It ends with the process, also with a killed one."""


def entries(store: DecisionStore, after: int = 0) -> Iterator[Entry]:
    """Every entry beyond `after`, read page by page, up to the end as it is when reached."""
    while page := store.read(after, PAGE):
        yield from page
        after = page[-1].sequence


def last_sequence(store: DecisionStore) -> int:
    newest = store.find()
    return newest[0].sequence if newest else 0
