"""Verify a source with real parts: puts them together, and goes through what there is, table by table."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from connectors import database
from connectors.config_file import read_config
from connectors.database import Connection
from connectors.debezium import effective
from connectors.kafka_offsets import NO_GROUP, KafkaOffsets
from connectors.kafka_writer import KafkaWriter
from connectors.rows.values import NEEDED
from index.models.load import load_recorded
from schemas.contract import Contract
from schemas.errors import IndexUnavailable, Misconfigured, Unavailable
from schemas.settings import Settings
from schemas.topics import CHANGES, beat_prefix, raw_topic
from streams.batches import now_ms
from streams.draft import Passages
from streams.indexes import Indexes
from streams.indexing import passages_of
from streams.intake import Table
from streams.verify.check import Advance, Check, Checked, Look, Suspects
from streams.verify.expected import Expecting
from streams.verify.following import Following, Topics
from streams.verify.repair import Repair
from streams.verify.report import Report
from streams.verify.rows import TableRows, beat, log_end

PATIENCE = 120.0
"""Seconds in which the watermark must pass what was read."""
NO_ROWS = "the source holds events of it, not its rows, so there is nothing to compare with"
"""Why an aggregate type of an outbox is skipped."""
TRIES = 3
"""Repairs of one difference: another change may come in between."""

Step = Callable[[str, int | None], Advance]
"""(what comes now, of how many if known) -> what is told of each number done."""


@dataclass(frozen=True, slots=True)
class Options:
    """`table`: only this one. `deep`: embed every text again and compare vectors. `patience` in seconds."""

    table: str | None = None
    repair: bool = False
    deep: bool = False
    patience: float = PATIENCE


def verify_by_name(
    contracts: Sequence[Contract], source: str, settings: Settings, options: Options, step: Step
) -> Report:
    """`verify` for one of the contracts. Raises Misconfigured where there is none of that name."""
    found = [contract for contract in contracts if contract.source == source]
    if not found:
        raise Misconfigured(f"there is no source {source!r}; there are {', '.join(c.source for c in contracts)}")
    return verify(found[0], settings, options, step)


def verify(contract: Contract, settings: Settings, options: Options, step: Step) -> Report:
    """Compare a source with the index, and heal what differs if asked to. Else it changes nothing.

    Aggregate types of outboxes are skipped, and the report says so.

    Memory does not grow with the source, save for what its rows grant. Raises Misconfigured for an unknown table, a
    Debezium option whose effect is not known here, or a repair that is not allowed; Unavailable when a part is away,
    or a rebuild made another index live meanwhile.
    """
    indexes = Indexes(settings)
    live = indexes.generations.live()
    if live is None:
        raise IndexUnavailable("there is no index yet: a worker of the stream job makes it")
    store, embedder = indexes.store(live.number), load_recorded(live.model, settings.home, settings.cores)
    following = Following(Topics(settings.kafka, settings.request_timeout), contract.source, options.patience)
    following.refresh()
    with ExitStack() as stack:
        streaming, asking, beating = (stack.enter_context(database.connected(settings)) for _ in range(3))
        tables = _tables(contract, settings, options.table, (streaming, asking), passages_of(embedder))
        end = partial(log_end, asking)
        report = Report(contract.source, skipped=_skipped(contract, options.table))
        check = Check(store, following, report, end, embedder if options.deep else None)
        repair = None
        if options.repair:
            partitions = KafkaOffsets(settings.kafka, NO_GROUP, settings.request_timeout).topics()[CHANGES]
            writer = KafkaWriter(settings.kafka, settings.request_timeout)
            heartbeat = partial(beat, beating, beat_prefix(contract.source))
            repair = Repair(store, following, writer, partitions, end, heartbeat, now_ms)
        counts = database.row_counts(asking, tables)
        for name, table in tables.items():
            for suspects in check.rows(table, step(f"rows of {name}", counts.get(name))):
                _settle(check, repair, table, name, suspects, "rows")
            for suspects in check.grants(table):
                _settle(check, repair, table, name, suspects, "grants")
        for name, suspects in check.index(tables, options.table, step(f"chunks of {contract.source}", None)):
            if name not in check.report.skipped:
                _settle(check, repair, tables.get(name), name, suspects, "index")
    if (now := indexes.generations.live()) is None or now.number != live.number:
        raise Unavailable("this generation of the index", "a rebuild made another one live meanwhile; verify again")
    return report


def _skipped(contract: Contract, only: str | None) -> dict[str, str]:
    return {name: NO_ROWS for name in contract.aggregates() if only in (None, name)}


def _settle(
    check: Check, repair: Repair | None, table: Checked | None, name: str, suspects: Suspects, look: Look
) -> None:
    """Look again at what seemed different; repair what is, if asked to, and look whether it is healed."""
    findings = check.confirm(table, name, suspects, look)
    check.report.add(findings)
    for _ in range(TRIES):
        if repair is None or not findings:
            break
        repair.heal(table, findings, suspects)
        again = {finding.record_id: suspects[finding.record_id] for finding in findings}
        findings = check.confirm(table, name, again, look)
    check.report.leave(findings)


def _tables(
    contract: Contract, settings: Settings, only: str | None, connections: tuple[Connection, Connection], cut: Passages
) -> dict[str, Checked]:
    if only is not None and only not in contract.record_tables():
        raise Misconfigured(f"{contract.source} has no table {only!r}; it has {', '.join(contract.record_tables())}")
    options = effective(contract, read_config(settings.sources / contract.connector.config).options)
    tables = {}
    for name, rules in contract.tables.items():
        if only not in (None, name):
            continue
        columns = sorted(rules.columns() - set(rules.mask))
        streamed, rows = (TableRows(connection, name, rules.key, columns) for connection in connections)
        _require_known(name, rows, options)
        table = Table(contract.source, name, rules)
        limit = settings.max_text_bytes
        tables[name] = Checked(
            streamed, rows, Expecting(raw_topic(contract.source, name), table, rows.kinds, cut, limit)
        )
    return tables


def _require_known(table: str, rows: TableRows, options: Mapping[str, str]) -> None:
    """Raises Misconfigured where Debezium is told to write a used column in a way that is not known here."""
    for column, kind in rows.used.items():
        option, value, default = NEEDED.get(kind.name, ("", "", ""))
        if options.get(option, default) != value:
            raise Misconfigured(
                f"{table}.{column} cannot be compared: that needs {option} = {value} in the connector's configuration, "
                f"which says {options.get(option, default)!r}"
            )
