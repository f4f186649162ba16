"""Finds what differs: a first look at everything, then a second, sure one at what looked different.

The source changes meanwhile. So a difference counts only if it is there after the source's watermark has passed the
moment at which the row was read, and the row has not changed until the index was read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

from index.embedder import Embedder
from index.store import ChunkAudit, Held, Mark, Vector
from schemas.change import table_id
from schemas.position import NOWHERE, Position
from streams.draft import text_hash
from streams.verify.compare import Finding, Found, content_difference, grant_difference
from streams.verify.expected import Expected, Expecting
from streams.verify.following import Following
from streams.verify.report import Report
from streams.verify.rows import DbRow

ROUNDS = 5
"""A row that changes during each of so many looks is not judged."""
BATCH = 500
"""Suspects that are looked at again together."""

Key = tuple[str, ...] | None
Suspects = dict[str, Key]
"""Record id -> its key as text; None where it cannot be the key of a row."""
Advance = Callable[[int], None]


class Rows(Protocol):
    """See `streams.verify.rows.TableRows`."""

    def stream(self) -> Iterator[list[DbRow]]: ...

    def read(self, keys: Sequence[tuple[str, ...]]) -> list[DbRow]: ...

    def position(self) -> Position: ...


@dataclass(frozen=True, slots=True)
class Checked:
    """One table under check: its rows, streamed and looked up by two connections, and what is expected of them."""

    streamed: Rows
    rows: Rows
    expecting: Expecting

    @property
    def name(self) -> str:
        return self.expecting.table.name

    @property
    def searchable(self) -> bool:
        return self.expecting.table.contract.permissions is not None


class Check:
    """Compares a source's tables with the index and the topics. `deep`: an embedder, to compare vectors too."""

    def __init__(self, store: ChunkAudit, following: Following, report: Report, deep: Embedder | None = None) -> None:
        self._store = store
        self._following = following
        self._report = report
        self._deep = deep

    def rows(self, table: Checked, advance: Advance) -> Iterator[Suspects]:
        """Batches of records that look different, row by row; then what is granted by rows that were not there."""
        unseen = self._following.granting(table_id(self._following.source, table.name))
        suspects: Suspects = {}
        for page in table.streamed.stream():
            expected = {row.key: table.expecting.of(row) for row in page}
            self._count(table.name, expected.values())
            unseen -= {e.record_id for e in expected.values()}
            found = self._found([e.record_id for e in expected.values()] if table.searchable else [])
            vectors = self._embedded(expected.values())
            for key, one in expected.items():
                if self._judge(table, one.record_id, one, found.get(one.record_id), vectors):
                    suspects[one.record_id] = key
            advance(len(page))
            if len(suspects) >= BATCH:
                yield suspects
                suspects = {}
        yield from self._batches(suspects | {name: table.expecting.key_in(name) for name in unseen})

    def index(self, tables: Mapping[str, Checked], only: str | None, advance: Advance) -> Iterator[tuple[str, Suspects]]:
        """Batches of records, with their table, that the index holds and no row stands for, or whose head is not right."""
        head: Mark | None = None
        for page in self._store.marks(self._following.source, only):
            odd: dict[str, dict[str, Mark]] = {}
            for mark in page:
                head = mark if mark.chunk_id == f"{mark.record_id}#0" else head
                told = head is not None and head.record_id == mark.record_id and mark.chunk < head.chunks
                if mark is head or not told:
                    odd.setdefault(mark.table, {}).setdefault(mark.record_id, mark)
                if mark is not head and (not told or mark.chunk_id != f"{mark.record_id}#{mark.chunk}"):
                    odd[mark.table][mark.record_id] = mark
            for name, marks in odd.items():
                suspects = self._without_row(tables.get(name), marks)
                if suspects:
                    yield name, suspects
            advance(len(page))

    def confirm(self, table: Checked | None, name: str, suspects: Suspects) -> list[Finding]:
        """The differences that are real. `table` None: the contract has no such table, so nothing of it may be there."""
        left, findings = dict(suspects), list[Finding]()
        for _ in range(ROUNDS):
            before = self._read(table, left)
            self._following.passed(self._end(table, before))
            self._following.refresh()
            found = self._found(list(left), sure=True)
            after = self._read(table, left)
            end = None if table is None else table.rows.position()
            still = [n for n in left if _version(before.get(n)) == _version(after.get(n))]
            vectors = self._embedded([after[n][1] for n in still if n in after])
            for record in still:
                expected = after[record][1] if record in after else None
                seen = Found(found[record].held, found[record].strays, found[record].grant, end)
                findings += self._judge(table, record, expected, seen, vectors, name)
                del left[record]
            if not left:
                break
        if left:
            self._report.unjudged[name, "changes too often"] += len(left)
        return findings

    def _judge(self, table: Checked | None, record: str, expected: Expected | None, found: Found | None,
               vectors: Mapping[str, Vector] | None, name: str = "") -> list[Finding]:
        if expected is not None and expected.unsure:
            return []
        grant = self._following.grant(record)
        found = Found(found.held, found.strays, grant, found.end) if found else Found(Held(), (), grant)
        labels = self._following.labels
        differences = (
            content_difference(expected, found, labels, vectors) if table is None or table.searchable else None,
            grant_difference(expected, found),
        )
        where = name or (table.name if table else "")
        return [Finding(kind, where, record, detail) for kind, detail in filter(None, differences)]
