"""Finds what differs: a first look at everything, then a second, sure one at what looked different.

The source changes meanwhile. So a difference counts only if it is there after the source's watermark has passed the
moment at which the row was read, and the row has not changed until the index was read.

There are three looks, and each tells of its own: `rows` of what rows are there, `grants` of what is granted by rows
that are not, `index` of records and chunks that no row stands for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from index.embedder import Embedder
from index.errors import TextTooLong, UnusableText
from index.store import ChunkAudit, Held, Vector
from schemas.change import table_id
from schemas.position import Position
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

Look = Literal["rows", "grants", "index"]
Suspects = dict[str, tuple[str, ...] | None]
"""Record id -> its key as text; None where it cannot be the key of a row."""
Advance = Callable[[int], None]


class Rows(Protocol):
    """See `streams.verify.rows.TableRows`."""

    def stream(self) -> Iterator[list[DbRow]]: ...

    def read(self, keys: Sequence[tuple[str, ...]]) -> list[DbRow]: ...

    def locked(
        self, keys: Sequence[tuple[str, ...]], beat: Callable[[], None]
    ) -> AbstractContextManager[tuple[list[DbRow], Position]]: ...


@dataclass(frozen=True, slots=True)
class Checked:
    """One table under check: its rows, by a connection that streams and one that looks up, and what is expected."""

    streamed: Rows
    rows: Rows
    expecting: Expecting

    @property
    def name(self) -> str:
        return self.expecting.table.name

    @property
    def searchable(self) -> bool:
        return self.expecting.table.contract.permissions is not None


@dataclass(frozen=True, slots=True)
class Check:
    """Compares a source's tables with index and topics. `end`: the end of the source's log now. `deep`: an embedder,
    to compare vectors too."""

    store: ChunkAudit
    following: Following
    report: Report
    end: Callable[[], Position]
    deep: Embedder | None = None

    def rows(self, table: Checked, advance: Advance) -> Iterator[Suspects]:
        """Batches of rows that look different from what is held of them."""
        suspects: Suspects = {}
        for page in table.streamed.stream():
            expected = {row.key: table.expecting.of(row) for row in page}
            self._count(table.name, expected.values())
            names = [e.record_id for e in expected.values()]
            found = self._found(names if table.searchable else [])
            end, vectors = self.end(), self._embedded(expected.values())
            for key, one in expected.items():
                if self._findings(
                    table.name, one.record_id, one, found.get(one.record_id, Found(Held())), end, vectors
                ):
                    suspects[one.record_id] = key
            advance(len(page))
            if len(suspects) >= BATCH:
                yield suspects
                suspects = {}
        yield suspects

    def grants(self, table: Checked) -> Iterator[Suspects]:
        """Batches of records that are said to grant something, but are no rows."""
        names = sorted(self.following.granting(table_id(self.following.source, table.name)))
        for batch in (names[start : start + BATCH] for start in range(0, len(names), BATCH)):
            yield without_row(table, {name: table.expecting.key_in(name) for name in batch})

    def index(
        self, tables: Mapping[str, Checked], only: str | None, advance: Advance
    ) -> Iterator[tuple[str, Suspects]]:
        """Batches, each with its table, of records that are no rows, and of chunks that no head tells of."""
        head = None
        for page in self.store.marks(self.following.source, only):
            loose: dict[str, Suspects] = {}
            heads: dict[str, Suspects] = {}
            for mark in page:
                head = mark if mark.is_head else head
                told = head is not None and head.tells_of(mark)
                table = tables.get(mark.table)
                key = table.expecting.key_in(mark.record_id) if table else None
                (heads if told else loose).setdefault(mark.table, {})[mark.record_id] = key
            for name in heads.keys() | loose.keys():
                yield name, without_row(tables.get(name), heads.get(name, {})) | loose.get(name, {})
            advance(len(page))

    def confirm(self, table: Checked | None, name: str, suspects: Suspects, look: Look) -> list[Finding]:
        """The differences that are real. `table` None: the contract has none of this `name`, so it should be empty."""
        left, findings = dict(suspects), list[Finding]()
        for _ in range(ROUNDS if left else 0):
            before = _read(table, left)
            self.following.passed(self.end())
            self.following.refresh()
            found = self._found(list(left), strays=look == "index")
            after, end = _read(table, left), self.end()
            still = [n for n in left if _version(before.get(n)) == _version(after.get(n))]
            expected = {n: table.expecting.of(after[n]) for n in still if table is not None and n in after}
            vectors = self._embedded(expected.values())
            for record in still:
                differences = self._findings(name, record, expected.get(record), found[record], end, vectors)
                findings += [f for f in differences if _tells(look, f, record in expected)]
                del left[record]
            if not left:
                return findings
        if left:
            self.report.unjudged[name, "changes too often"] += len(left)
        return findings

    def _findings(
        self,
        name: str,
        record: str,
        expected: Expected | None,
        found: Found,
        end: Position,
        vectors: Mapping[str, Vector] | None,
    ) -> list[Finding]:
        if expected is not None and expected.unsure:
            return []
        found = Found(found.held, found.strays, self.following.grant(record), end)
        content = content_difference(expected, found, self.following.labels, vectors)
        return [
            Finding(kind, name, record, detail)
            for kind, detail in filter(None, (content, grant_difference(expected, found)))
        ]

    def _found(self, names: Sequence[str], strays: bool = False) -> dict[str, Found]:
        loose = self.store.strays(names) if strays else {}
        return {name: Found(held, tuple(loose.get(name, ()))) for name, held in self.store.held(names).items()}

    def _embedded(self, expected: Iterable[Expected]) -> dict[str, Vector] | None:
        if self.deep is None:
            return None
        texts = {text_hash(text): text for one in expected for text in one.texts}
        try:
            return dict(zip(texts, self.deep.embed_passages(list(texts.values())), strict=True)) if texts else {}
        except (UnusableText, TextTooLong):
            return {}

    def _count(self, name: str, expected: Iterable[Expected]) -> None:
        for one in expected:
            self.report.rows[name] += 1
            if one.unsure:
                self.report.unjudged[name, one.unsure] += 1
            elif one.rejected is not None:
                self.report.rejected[name, one.rejected.reason] += 1


def without_row(table: Checked | None, suspects: Suspects) -> Suspects:
    """Those of the records that are no rows now."""
    rows = _read(table, suspects)
    return {name: key for name, key in suspects.items() if name not in rows}


def _read(table: Checked | None, suspects: Suspects) -> dict[str, DbRow]:
    """The rows there are of these records. A record that merely claims the key of a row is none."""
    keys = sorted({key for key in suspects.values() if key is not None})
    rows = table.rows.read(keys) if table is not None and keys else []
    return {table.expecting.name_of(row): row for row in rows} if table is not None else {}


def _version(row: DbRow | None) -> str | None:
    return None if row is None else row.version


def _tells(look: Look, finding: Finding, is_row: bool) -> bool:
    match look:
        case "rows":
            return is_row
        case "grants":
            return finding.of_grant
        case "index":
            return finding.kind == "extra"
