"""A small source under check: rows in a list, the index in memory, topics in lists."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from stream_stage import CONTRACT, MEMBERS_TOPIC, TOPIC

from connectors.rows.values import Kind
from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from schemas.change import Change
from schemas.label import LabelDefinition
from schemas.position import Position, of_source
from schemas.progress import Progress
from schemas.relation import Grant
from schemas.topics import CHANGES, LABELS, RELATIONS
from streams.indexing import Indexer, passages_of
from streams.intake import Table
from streams.verify.check import Check, Checked, Look, Suspects
from streams.verify.compare import Finding
from streams.verify.expected import Expecting
from streams.verify.following import Following
from streams.verify.repair import Repair
from streams.verify.report import Report
from streams.verify.rows import DbRow

NOW_MS = 1_800_000_000_000
TICKETS, MEMBERS = "helpdesk.tickets", "helpdesk.members"
TEXT, NUMBER = Kind("text"), Kind("int4")
TICKET_KINDS = {
    **dict.fromkeys(("tenant_id", "subject", "body", "status", "owner", "excluded", "region"), TEXT),
    **dict.fromkeys(("id", "team"), NUMBER),
    "updated_at": Kind("timestamptz"),
}
MEMBER_KINDS = {"team_id": NUMBER, "email": TEXT, "tenant_id": TEXT}
TICKET = {
    "id": "42",
    "tenant_id": "acme",
    "subject": "Printer",
    "body": "It is on fire.",
    "status": "open",
    "owner": "ann@acme.example",
    "team": "7",
    "excluded": None,
    "region": "eu",
    "updated_at": "2026-11-23 02:26:04.443322+00",
}


@dataclass
class Rows:
    """A table; every change of a row is a new version of it."""

    key: tuple[str, ...]
    found: dict[tuple[str, ...], DbRow] = field(default_factory=dict)
    during_read: Callable[[], None] = lambda: None
    busy: set[tuple[str, ...]] = field(default_factory=set)
    _versions: int = 0

    def put(self, **values: str | None) -> None:
        self._versions += 1
        key = tuple(str(values[column]) for column in self.key)
        self.found[key] = DbRow(key, values, str(self._versions), None)

    def stream(self) -> Iterator[list[DbRow]]:
        for row in list(self.found.values()):
            yield [row]

    def read(self, keys: Sequence[tuple[str, ...]]) -> list[DbRow]:
        rows = [self.found[key] for key in keys if key in self.found]
        self.during_read()
        return rows

    @contextmanager
    def locked(
        self, keys: Sequence[tuple[str, ...]], beat: Callable[[], None]
    ) -> Iterator[tuple[list[DbRow], Position]]:
        beat()
        yield [row for row in self.read(keys) if row.key not in self.busy], at(900)


def at(lsn: int) -> Position:
    return of_source({"connector": "postgresql", "lsn": lsn}, None)


@dataclass
class Kafka:
    """The topics of labels, relations and progress, and a writer whose changes are applied at once."""

    indexer: Indexer
    label_messages: list[LabelDefinition] = field(default_factory=list)
    grant_messages: list[Grant] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    passed: Position = field(default_factory=lambda: at(10_000))

    def labels(self) -> Iterator[LabelDefinition]:
        return iter(self.label_messages)

    def grants(self) -> Iterator[Grant]:
        return iter(self.grant_messages)

    def progress(self) -> Iterator[Progress]:
        yield Progress(source="helpdesk", watermark_ms=1, position=self.passed, measured_ms=1, grants={})

    after_write: Callable[[], None] = lambda: None

    def write(self, place: tuple[str, int], key: bytes | None, value: bytes | None) -> None:
        assert value is not None
        match place[0]:
            case topic if topic == CHANGES:
                self.changes.append(Change.model_validate_json(value))
                self.indexer.apply(self.changes[-1:])
            case topic if topic == LABELS:
                self.label_messages.append(LabelDefinition.model_validate_json(value))
            case topic if topic == RELATIONS:
                self.grant_messages.append(Grant.model_validate_json(value))
        self.after_write()

    def acknowledged(self) -> list[int]:
        return []


class World:
    """A source that was captured once, index and topics beside it; `findings` verifies it."""

    def __init__(self) -> None:
        self.store, self.embedder = MemoryStore(), HashEmbedder(max_tokens=24)
        self.kafka = Kafka(Indexer(self.store, self.embedder))
        self.tickets, self.members = Rows(("id",)), Rows(("team_id", "email"))
        self.tables = {
            TICKETS: self._checked(TOPIC, TICKETS, self.tickets, TICKET_KINDS),
            MEMBERS: self._checked(MEMBERS_TOPIC, MEMBERS, self.members, MEMBER_KINDS),
        }
        self.report = Report("helpdesk")

    def _checked(self, topic: str, name: str, rows: Rows, kinds: dict[str, Kind]) -> Checked:
        table = Table("helpdesk", name, CONTRACT.tables[name])
        return Checked(rows, rows, Expecting(topic, table, kinds, passages_of(self.embedder), 10_000))

    def capture(self) -> None:
        """As the stream job would."""
        for table in self.tables.values():
            for page in table.rows.stream():
                for row in page:
                    expected = table.expecting.of(row, NOW_MS)
                    if expected.label:
                        self.kafka.label_messages.append(LabelDefinition.of(expected.label))
                    if expected.change:
                        change = expected.change.model_copy(update={"position": at(100)})
                        self.kafka.indexer.apply([change])
                    if expected.grant:
                        self.kafka.grant_messages.append(expected.grant.model_copy(update={"position": at(100)}))

    def following(self) -> Following:
        clock = iter(range(10**6))
        found = Following(self.kafka, "helpdesk", 5.0, lambda: float(next(clock)), lambda seconds: None)  # type: ignore[arg-type]
        found.refresh()
        return found

    def check(self, deep: bool = False) -> Check:
        self.report = Report("helpdesk")
        return Check(self.store, self.following(), self.report, lambda: at(1000), self.embedder if deep else None)

    def looks(self, check: Check) -> Iterator[tuple[str, Suspects, Look]]:
        for name, table in self.tables.items():
            for suspects in check.rows(table, lambda number: None):
                yield name, suspects, "rows"
            for suspects in check.grants(table):
                yield name, suspects, "grants"
        for name, suspects in check.index(self.tables, None, lambda number: None):
            yield name, suspects, "index"

    def findings(self, deep: bool = False, heal: bool = False) -> list[tuple[str, str, str]]:
        """(kind, record id without source and table, detail), sorted; healed if asked to."""
        check, found = self.check(deep), list[Finding]()
        for name, suspects, look in self.looks(check):
            real = check.confirm(self.tables.get(name), name, suspects, look)
            found += real
            if heal:
                self.repair(check).heal(self.tables.get(name), real, suspects)
        return sorted((f.kind, f.record_id.split("/", 2)[-1], f.detail) for f in found)

    def repair(self, check: Check) -> Repair:
        return Repair(self.store, check.following, self.kafka, 4, check.end, lambda: None, lambda: NOW_MS)

    def kinds(self, **options: bool) -> list[tuple[str, str]]:
        return [(kind, name) for kind, name, _ in self.findings(**options)]

    def alter(self, number: int, chunk: int = 0, **fields: Any) -> None:
        """Change a chunk of a ticket in the index."""
        name = f"helpdesk/{TICKETS}/{number}"
        rows = list(self.store.records[name])
        rows[chunk] = replace(rows[chunk], **fields)
        self.store.records[name] = tuple(rows)


LONG = "\n\n".join(
    f"Paragraph {n} tells of printer number {n}, its paper, its toner and its many fires." for n in range(6)
)


@pytest.fixture
def world() -> World:
    """Three tickets, 43 of several chunks; two members. All captured."""
    world = World()
    world.tickets.put(**TICKET)
    world.tickets.put(**{**TICKET, "id": "43", "body": LONG})
    world.tickets.put(**{**TICKET, "id": "44", "body": "Something else", "team": "8"})
    world.members.put(team_id="7", email="bob@acme.example", tenant_id="acme")
    world.members.put(team_id="8", email="eve@acme.example", tenant_id="acme")
    world.capture()
    return world
