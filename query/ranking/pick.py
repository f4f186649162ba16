"""Which of the permitted records an answer shows: no two that say the same, not too many of one source, one page."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from index.store import Row
from query.ranking.scored import Key, order


@dataclass(frozen=True, slots=True)
class Rule:
    """`most_per_source`: of any one source, or of the named ones. `after`: where the page before ended."""

    most_per_source: int | Mapping[str, int] | None = None
    after: Key | None = None

    def begin(self) -> "Picking":
        return Picking(self)

    def most(self, source: str) -> int | None:
        most = self.most_per_source
        return most.get(source) if isinstance(most, Mapping) else most


EVERY = Rule()
TOLD = 20
"""Duplicates of one record, at most."""


@dataclass(slots=True)
class Picking:
    """Takes records in their order. Each is decided by those before it alone, so a page is a stretch of one list."""

    rule: Rule
    _of_source: Counter[str] = field(default_factory=Counter)
    _says: dict[bytes, list[str]] = field(default_factory=dict)

    def picks(self, row: Row, key: Key) -> bool:
        """Whether the record is in the list and on this page. `key`: where it stands in the order."""
        most = self.rule.most(row.source)
        if most is not None and self._of_source[row.source] >= most:
            return False
        says = said(row)
        if says in self._says:
            self._says[says].append(row.record_id)
            return False
        self._says[says] = []
        self._of_source[row.source] += 1
        after = self.rule.after
        return after is None or (order(key) > order(after) and row.record_id != after[2])

    def duplicates(self, row: Row) -> list[str]:
        """The first records that say the same as one that was picked, at most TOLD."""
        return self._says.get(said(row), [])[:TOLD]


def said(row: Row) -> bytes:
    """Names what a chunk says: equal for titles and texts that differ in space and case alone."""
    parts = (" ".join(part.split()).casefold() for part in (row.title, row.text))
    return blake2b("\0".join(parts).encode(errors="surrogatepass"), digest_size=16).digest()
