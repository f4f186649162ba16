"""How each source does: connector, snapshot, what waits, how fresh it is, what could not be applied."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from connectors import database
from connectors.connect_api import ConnectApi, ConnectorStatus
from connectors.dead_letters import DeadLetters
from connectors.kafka_admin import KafkaAdmin
from connectors.kafka_offsets import KafkaOffsets, Offsets
from connectors.replica_identity import not_logged
from connectors.table_states import stopped
from schemas.contract import Contract
from schemas.errors import Unavailable
from schemas.progress import Progress
from schemas.settings import Settings
from schemas.table_state import TableState
from schemas.topics import CHANGES, PROGRESS, raw_topic

NEWEST_PROGRESS = 1000
"""Where a source's last progress is looked for first; only a long silent source needs the whole topic."""


@dataclass(frozen=True)
class Snapshot:
    """The first reading of the tables. `rows_expected`: what they hold now; None = no database."""

    state: Literal["waiting", "running", "done"]
    rows_read: int
    rows_expected: int | None


@dataclass(frozen=True)
class SourceReport:
    """One source now. Backlogs count messages not yet read by the stream job; times are ms since 1970, UTC.

    `changes_backlog` is of all sources together: they share the topic. `expired` counts what Kafka dropped
    unread: lost until a new snapshot. `watermark_ms` and `lag_ms` are None before the first beat.
    """

    source: str
    connector: ConnectorStatus
    snapshot: Snapshot
    raw_backlog: int
    changes_backlog: int
    expired: int
    watermark_ms: int | None
    lag_ms: int | None
    dead_letters: int
    stopped: tuple[TableState, ...] = ()
    not_logged: tuple[str, ...] = ()
    """Tables that do not log all that is needed of a change, and the statements that mend it."""


@dataclass(frozen=True)
class Status:
    """All sources that have a contract; and source -> dead letters of those that have none (any more)."""

    sources: tuple[SourceReport, ...]
    strays: Mapping[str, int]


@dataclass(frozen=True)
class Queues:
    """Offsets of topics, and where the stream job is in them."""

    begin: Offsets
    end: Offsets
    committed: Offsets

    def held(self, topics: Iterable[str]) -> int:
        """Messages the topics hold now."""
        wanted = set(topics)
        return sum(end - self.begin.get(at, 0) for at, end in self.end.items() if at[0] in wanted)

    def waiting(self, topics: Iterable[str]) -> int:
        """Messages the stream job has not committed yet."""
        wanted = set(topics)
        places = {at: max(self.begin.get(at, 0), self.committed.get(at, 0)) for at in self.end}
        return sum(max(0, end - places[at]) for at, end in self.end.items() if at[0] in wanted)

    def expired(self, topics: Iterable[str]) -> int:
        """Messages Kafka dropped before the stream job committed them."""
        wanted = set(topics)
        return sum(max(0, self.begin.get(at, 0) - offset) for at, offset in self.committed.items() if at[0] in wanted)


def status(contracts: Sequence[Contract], settings: Settings) -> Status:
    """A report of each contract's source, in their order, and what is left of others. Changes nothing.

    Raises Unavailable("Kafka"). When Kafka Connect is away, connectors are UNREACHABLE; when the database is,
    `rows_expected` is None.
    """
    kafka = KafkaAdmin(settings.kafka, settings.request_timeout)
    topics = {topic for c in contracts for topic in (*c.raw_topics(), c.beat_topic)} | {CHANGES}
    group = KafkaOffsets(settings.kafka, settings.group, settings.request_timeout)
    queues = Queues(group.begin_offsets(topics), group.end_offsets(topics), group.committed(topics))
    progresses = last_progress(kafka, {contract.source for contract in contracts})
    dead = Counter(entry.source for entry in DeadLetters(settings).read(lambda *_: None).open.values())
    rows, gaps = _ask_database(contracts, settings)
    halted = stopped(kafka, contracts)
    now_ms = time.time_ns() // 1_000_000
    reports = []
    with ConnectApi(settings.connect_url, settings.request_timeout) as connect:
        for contract in contracts:
            connector, offsets = _connector(connect, contract.source)
            progress = progresses.get(contract.source)
            watermark = progress.watermark_ms if progress else None
            reports.append(
                SourceReport(
                    source=contract.source,
                    connector=connector,
                    snapshot=snapshot(contract, queues, offsets, rows),
                    raw_backlog=queues.waiting(contract.raw_topics()),
                    changes_backlog=queues.waiting([CHANGES]),
                    expired=queues.expired(contract.raw_topics()),
                    watermark_ms=watermark,
                    lag_ms=None if watermark is None else max(0, now_ms - watermark),
                    dead_letters=dead[contract.source],
                    stopped=tuple(state for state in halted.values() if state.source == contract.source),
                    not_logged=gaps.get(contract.source, ()),
                )
            )
    known = {contract.source for contract in contracts}
    return Status(tuple(reports), {source: count for source, count in sorted(dead.items()) if source not in known})


def last_progress(kafka: KafkaAdmin, sources: set[str]) -> dict[str, Progress]:
    """Source -> its last progress message; sources without any are left out. Raises Unavailable."""
    found: dict[str, Progress] = {}
    for newest in (NEWEST_PROGRESS, None):
        for message in kafka.read(PROGRESS, newest):
            progress = _progress(message.value())
            if progress is not None:
                found[progress.source] = progress
        if sources <= found.keys():
            break
    return found


def snapshot(
    contract: Contract, queues: Queues, offsets: Sequence[Mapping[str, Any]], rows: Mapping[str, int] | None
) -> Snapshot:
    """How far the snapshot is.

    Debezium notes in its offset that a snapshot runs. Before it has noted anything, a beat tells: it comes
    only through the source's log, which is read after the snapshot.
    """
    read = queues.held(raw_topic(contract.source, table) for table in contract.tables)
    unfinished = any("snapshot" in offset for offset in offsets)
    done = not unfinished if offsets else queues.held([contract.beat_topic]) > 0
    state: Literal["waiting", "running", "done"] = "done" if done else "running" if read or offsets else "waiting"
    expected = None if rows is None else sum(rows.get(table, 0) for table in contract.tables)
    return Snapshot(state, read, expected)


def _connector(connect: ConnectApi, source: str) -> tuple[ConnectorStatus, Sequence[Mapping[str, Any]]]:
    try:
        found = connect.status(source)
        return (ConnectorStatus("ABSENT"), ()) if found is None else (found, connect.offsets(source))
    except Unavailable as error:
        return ConnectorStatus("UNREACHABLE", errors=(str(error),)), ()


def _ask_database(
    contracts: Sequence[Contract], settings: Settings
) -> tuple[dict[str, int] | None, dict[str, tuple[str, ...]]]:
    """Table -> its rows now, None = no database; and source -> what its tables do not log."""
    try:
        with database.connected(settings) as connection:
            rows = database.row_counts(connection, {table for c in contracts for table in c.tables})
            return rows, {c.source: tuple(_not_logged(connection, c)) for c in contracts}
    except Unavailable:
        return None, {}


def _not_logged(connection: database.Connection, contract: Contract) -> Iterator[str]:
    for name, real in database.tables(connection, contract.tables).items():
        rules = contract.tables[name]
        for what, todo in not_logged(rules.columns() - set(rules.mask), lambda _: False, real):
            yield f"{name}: {what}; {todo}"


def _progress(value: bytes | None) -> Progress | None:
    try:
        return None if value is None else Progress.model_validate_json(value)
    except ValidationError:
        return None
