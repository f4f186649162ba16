"""What chaos needs of Freshline: the API as any person uses it, and a look into the index behind its back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.answer import Answer
from schemas.position import NOWHERE, Position


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as the index holds it now. Without chunks it is not searchable; `deleted` is its tombstone."""

    position: Position = NOWHERE
    """Of its head (chunk 0); NOWHERE if there is none."""
    deleted: Position = NOWHERE
    labels: frozenset[int] = frozenset()
    texts: tuple[str, ...] = ()
    titles: frozenset[str] = frozenset()
    revisions: frozenset[int] = frozenset()

    @property
    def present(self) -> bool:
        return self.position != NOWHERE

    @property
    def newest(self) -> Position:
        return max(self.position, self.deleted)


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: a subject within its tenant."""

    name: str
    tenant: str


class Product(Protocol):
    """Blocking. `ask`, `watermark_ms`, `held`, `count` and `verify` raise a FreshlineError while a part is away."""

    def ask(self, person: Person, question: str, limit: int) -> Answer: ...

    def watermark_ms(self) -> int | None:
        """Up to which commit time the index claims to be complete (ms since 1970, UTC)."""

    def held(self, record_ids: Sequence[str]) -> Mapping[str, Seen]:
        """What the index holds of each record, read from the store itself."""

    def count(self) -> int:
        """How many records of the source are searchable."""

    def dead_letters(self) -> list[str]:
        """A line for each dead letter."""

    def verify(self) -> list[str]:
        """A line for each difference that the product's own `verify` finds, and each row it cannot judge."""
