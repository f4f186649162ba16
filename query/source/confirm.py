"""Confirms what the index found at the sources that ask for it, and puts the row as it is now in its place."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic, time_ns

from query.asker import Asker
from query.ranking.scored import Scored
from query.source.port import SourceReader, SourceRow
from query.source.present import NotShown, Reason, present
from schemas.access import AccessFilter
from schemas.contract import Contract, TableContract
from schemas.errors import Misconfigured, Unavailable

log = logging.getLogger("freshline.query")


@dataclass(frozen=True, slots=True)
class Leaving:
    """A record as it may leave. `confirmed_ms`: when its source's database showed it to the asker (since 1970, UTC),
    None where nothing asks for that. `changed`: it is no longer what the index found. `duplicates`: records that say
    the same and stand behind it in the order; they passed as well."""

    scored: Scored
    confirmed_ms: int | None = None
    changed: bool = False
    duplicates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Confirming:
    """A source whose hits its database confirms: those of `tables`. Those of the `exempt` ones labels alone decide;
    None: of all others. What is neither, as a table taken out of the contract, never leaves."""

    reader: SourceReader
    tables: Mapping[str, TableContract]
    within_s: float
    exempt: frozenset[str] | None

    def leaves_unasked(self, table: str) -> bool:
        return table not in self.tables and (self.exempt is None or table in self.exempt)


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources that confirm, by name; `max_text_bytes` as of the stream job."""

    confirming: Mapping[str, Confirming]
    max_text_bytes: int

    def examine(self) -> None:
        """Raises Misconfigured where a database would not keep anything back. One that is away is looked at later."""
        for source, each in self.confirming.items():
            try:
                each.reader.examine()
            except Unavailable as error:
                log.warning("%s. Hits of %s are withheld until it is back.", error, source)

    def close(self) -> None:
        for each in self.confirming.values():
            each.reader.close()


def confirming(contract: Contract, reader: SourceReader) -> Confirming:
    """How a source that says so confirms. `reader` reads its tables that are enforced at the source."""
    assert contract.at_source is not None
    tables = contract.enforced()
    exempt = frozenset(contract.record_tables().keys() - tables) if contract.enforce == "source" else None
    return Confirming(reader, tables, contract.at_source.within, exempt)


@dataclass(slots=True)
class Confirmation:
    """The confirming of one question, in as many rounds as it takes.

    Each source asked is read, also when nothing of it was found: an answer, and its time, look alike then. `withheld`
    counts what did not leave, by reason; `unconfirmed` are the sources that could not be read in time.
    """

    sources: Sources
    asker: Asker
    access: AccessFilter
    withheld: Counter[Reason] = field(default_factory=Counter)
    unconfirmed: set[str] = field(default_factory=set)
    _deadlines: dict[str, float] = field(default_factory=dict)

    def confirm(self, found: Sequence[Scored]) -> list[Leaving | None]:
        """One for each record found: as it may leave, or None."""
        rows = dict[str, SourceRow]()
        for source in sorted(self.access.sources & self.sources.confirming.keys()):
            rows |= self._read(source, [one for one in found if one.found.row.source == source])
        now_ms = time_ns() // 1_000_000
        return [self._leaving(one, rows, now_ms) for one in found]

    def _read(self, source: str, found: Iterable[Scored]) -> Mapping[str, SourceRow]:
        """Nothing of a source that failed once, and nothing is asked of it again."""
        each, wanted = self.sources.confirming[source], dict[str, list[str]]()
        for one in found:
            if one.found.row.table in each.tables:
                wanted.setdefault(one.found.row.table, []).append(one.found.row.record_id)
        asked_before = source in self._deadlines
        if source in self.unconfirmed or (asked_before and not wanted):
            return {}
        deadline = self._deadlines.setdefault(source, monotonic() + each.within_s)
        try:
            return each.reader.read(self.asker, wanted, deadline)
        except (Unavailable, Misconfigured) as error:
            log.warning("hits of %s are withheld: %s", source, error)
            self.unconfirmed.add(source)
            return {}

    def _leaving(self, one: Scored, rows: Mapping[str, SourceRow], now_ms: int) -> Leaving | None:
        row = one.found.row
        each = self.sources.confirming.get(row.source)
        if each is None or each.leaves_unasked(row.table):
            return Leaving(one)
        try:
            if row.source in self.unconfirmed or row.table not in each.tables:
                raise NotShown("unconfirmed")
            now = rows.get(row.record_id)
            if now is None:
                raise NotShown("denied_at_source")
            shown = present(row, now, each.tables[row.table], self.access, self.sources.max_text_bytes)
        except NotShown as withheld:
            self.withheld[withheld.reason] += 1
            return None
        return Leaving(replace(one, found=replace(one.found, row=shown)), now_ms, changed=shown != row)
