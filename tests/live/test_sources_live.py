"""Sources against the real PostgreSQL, Kafka and Kafka Connect: a source of their own, removed after."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connectors import database
from connectors.apply import apply, make_plan
from connectors.connect_api import ConnectApi, ConnectorFailed
from connectors.kafka_admin import KafkaAdmin, TopicSpec
from connectors.kafka_offsets import KafkaOffsets
from connectors.load import load
from connectors.remove import find_capture, remove
from connectors.replica_identity import Table
from connectors.status import SourceReport, status
from connectors.validate import validate
from schemas.contract import Contract
from schemas.errors import Misconfigured, Unavailable
from schemas.settings import Settings

pytestmark = pytest.mark.live

SOURCE = "sources_live"
NAME = f"freshline_{SOURCE}"
NOWHERE = "127.0.0.1:1"
CONTRACT = f"""\
source: {SOURCE}
connector: {{plugin: postgres, config: live.debezium.json}}
tables:
  {SOURCE}.orders:
    key: [id]
    event_time: updated_at
    text: "{{note}}"
    permissions: {{tenant: "{{tenant}}", readers: ["user:{{owner}}"]}}
"""
WAIT_SECONDS = 30.0


@pytest.fixture
def orders(company: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """A schema with one table of three rows."""
    company.execute(f"DROP SCHEMA IF EXISTS {SOURCE} CASCADE")
    company.execute(f"CREATE SCHEMA {SOURCE}")
    company.execute(
        f"""CREATE TABLE {SOURCE}.orders (id bigint, tenant text, owner text, note text, colour text,
            updated_at timestamptz DEFAULT now(), PRIMARY KEY (id))"""
    )
    company.execute(
        f"""INSERT INTO {SOURCE}.orders (id, tenant, owner, note)
            SELECT n, 'acme', 'ann', 'note ' || n FROM generate_series(1, 3) n"""
    )
    yield company
    company.execute(f"DROP SCHEMA {SOURCE} CASCADE")


WriteSource = Callable[..., Settings]


@pytest.fixture
def write_source(settings: Settings, tmp_path: Path) -> WriteSource:
    """Write the source's two files; returns settings that point to them. The database is the samples' own."""
    sample = json.loads((settings.sources / "helpdesk.debezium.json").read_text())
    database_options = {name: value for name, value in sample.items() if name.startswith("database.")}

    def write(replace: Mapping[str, str] | None = None, options: Mapping[str, str] | None = None) -> Settings:
        text = CONTRACT
        for old, new in (replace or {}).items():
            assert old in text
            text = text.replace(old, new)
        config = {
            **database_options,
            "topic.prefix": SOURCE,
            "heartbeat.interval.ms": "500",
            "heartbeat.action.query": f"SELECT pg_logical_emit_message(true, 'freshline.{SOURCE}', '')",
            **(options or {}),
        }
        (tmp_path / "live.yaml").write_text(text)
        (tmp_path / "live.debezium.json").write_text(json.dumps(config, indent=2))
        return settings.model_copy(update={"sources": tmp_path})

    return write


@pytest.fixture
def clean(settings: Settings, orders: psycopg.Connection[Any]) -> Iterator[KafkaAdmin]:
    """No connector, topic, slot or publication of this source, before and after."""
    kafka = KafkaAdmin(settings.kafka)
    _remove(settings, kafka, orders)
    yield kafka
    _remove(settings, kafka, orders)


def test_the_sample_sources_have_no_mistakes(settings: Settings, company: psycopg.Connection[Any]) -> None:
    assert [str(mistake) for mistake in validate(settings.sources, settings, online=True)] == []


def test_mistakes_in_files_database_and_connect_are_reported_all_at_once(
    write_source: WriteSource, orders: psycopg.Connection[Any]
) -> None:
    orders.execute(f"CREATE TABLE {SOURCE}.members (id bigint, team text)")
    grants = '{tenant: "t", object: "o:{team}", relation: m, subject: "u:{mail}"}'
    broken = write_source(
        {
            "key: [id]": "key: [id, tenant]\n    titel: x\n    mask: [note]",
            "event_time: updated_at": "event_time: note",
            'text: "{note}"': 'text: "{note} {color}"',
            "source: sources_live": "source: sources_live\nfreshness: {slo: soon}",
            "tables:": f"tables:\n  {SOURCE}.members:\n    key: team\n    relation: {grants}\n"
            f"  {SOURCE}.order:\n    key: [id]",
        },
        {
            "database.password": "hunter2",
            "heartbeat.action.query": f"SELECT pg_logical_emit_message(false, 'freshline.{SOURCE}s', '')",
            "heartbeat.interval.ms": "0",
            "message.prefix.include.list": "outbox",
            "snapshot.mode": "sometimes",
            "tombstones.on.delete": "false",
        },
    )
    found = validate(broken.sources, broken, online=True)
    options = [m for m in found if m.file.suffix == ".json"]
    assert [m.line for m in options] == [_line(broken, m.where) for m in options]
    assert sorted((m.where, m.what.split(",")[0]) for m in options) == [
        ("database.password", "holds a secret in clear text"),
        ("heartbeat.action.query", "the beat is not transactional"),
        ("heartbeat.action.query", f"the prefix 'freshline.{SOURCE}s' is not this source's own"),
        ("heartbeat.interval.ms", "there are no heartbeats"),
        ("message.prefix.include.list", "leaves out the beat"),
        ("snapshot.mode", "The 'snapshot.mode' value is invalid: Value must be one of always"),
        ("tombstones.on.delete", "is 'false'"),
    ]
    told = [(m.line, m.where.removeprefix(f"tables.{SOURCE}."), m.todo) for m in found if m.file.suffix == ".yaml"]
    assert told == [
        (2, "freshness.slo", "change it accordingly"),
        (6, "members.key", "write a list, as [a, b]"),
        (6, "members.key", "give it one"),
        (7, "members", "columns are id, team"),
        (8, "order", "change it accordingly"),
        (8, "order", f"did you mean '{SOURCE}.orders'?"),
        (10, "orders", "change it accordingly"),
        (11, "orders.key", "write [id]"),
        (12, "orders.titel", "did you mean 'title'?"),
        (14, "orders.event_time", "name a timestamp, date or integer column"),
        (15, "orders", "did you mean 'colour'?"),
    ]
    assert "hunter2" not in "\n".join(map(str, found))


def test_a_table_that_is_not_there_is_told_the_like_one(
    write_source: WriteSource, orders: psycopg.Connection[Any]
) -> None:
    broken = write_source({f"{SOURCE}.orders": f"{SOURCE}.order"})
    [mistake] = validate(broken.sources, broken, online=True)
    assert (mistake.line, mistake.todo) == (4, f"did you mean '{SOURCE}.orders'?")


def test_the_database_tells_columns_key_and_rows(settings: Settings, orders: psycopg.Connection[Any]) -> None:
    orders.execute(f"CREATE TABLE {SOURCE}.pairs (b int, a int, c numeric(10,2), PRIMARY KEY (a, b))")
    orders.execute(f"ALTER TABLE {SOURCE}.pairs REPLICA IDENTITY FULL")
    names = [f"{SOURCE}.pairs", f"{SOURCE}.orders", f"{SOURCE}.absent"]
    with database.connected(settings) as connection:
        found = database.tables(connection, names)
        assert database.row_counts(connection, names) == {f"{SOURCE}.pairs": 0, f"{SOURCE}.orders": 3}
        assert database.wal_level(connection) == "logical"
    columns = {"b": "integer", "a": "integer", "c": "numeric"}
    pairs = Table(columns, ("a", "b"), {f"{SOURCE}.pairs": "f"}, required=frozenset({"a", "b"}))
    assert found[f"{SOURCE}.pairs"] == pairs
    assert found[f"{SOURCE}.orders"].primary_key == ("id",)
    assert f"{SOURCE}.absent" not in found


def test_a_source_is_applied_once_captured_and_reported(write_source: WriteSource, clean: KafkaAdmin) -> None:
    mine = write_source()
    contracts = load(mine.sources)
    [before] = status(contracts, mine).sources
    assert (before.connector.state, before.snapshot.state) == ("ABSENT", "waiting")

    applied = apply(contracts, mine, lambda line: None)
    assert {step.action for step in applied.steps if SOURCE in step.name} == {"create"}
    assert clean.topics()[f"{SOURCE}.message"] == 1
    assert clean.topics()[f"{SOURCE}.{SOURCE}.orders"] == mine.partitions

    report = _wait_for_snapshot(contracts, mine)
    assert (report.snapshot.rows_read, report.snapshot.rows_expected) == (3, 3)
    assert (report.raw_backlog, report.expired, report.dead_letters) == (3, 0, 0)
    assert report.connector.running

    assert make_plan(contracts, mine).changes == ()
    lines: list[str] = []
    assert apply(contracts, mine, lines.append).changes == ()
    assert [line.split(" after")[0] for line in lines] == [f"connector {SOURCE}: RUNNING"]


def test_a_changed_option_updates_the_connector_and_a_paused_one_is_resumed(
    write_source: WriteSource, clean: KafkaAdmin
) -> None:
    mine = write_source()
    apply(load(mine.sources), mine, lambda line: None)
    with ConnectApi(mine.connect_url) as connect:
        connect.pause(SOURCE)
        _wait(lambda: (s := connect.status(SOURCE)) is not None and s.state == "PAUSED")
        changed = write_source(options={"poll.interval.ms": "20"})
        steps = apply(load(changed.sources), changed, lambda line: None).changes
        assert [(step.name, step.action, step.detail) for step in steps] == [
            (SOURCE, "update", "changes poll.interval.ms")
        ]
        config, found = connect.config(SOURCE), connect.status(SOURCE)
    assert config is not None
    assert found is not None
    assert config["poll.interval.ms"] == "20"
    assert config["database.password"].startswith("${")
    assert found.running


def test_a_source_without_contract_is_removed_with_its_slot_and_publication(
    write_source: WriteSource, clean: KafkaAdmin, settings: Settings, orders: psycopg.Connection[Any]
) -> None:
    mine = write_source()
    apply(load(mine.sources), mine, lambda line: None)
    steps = [(step.name, step.action) for step in make_plan(load(settings.sources), settings).steps]
    assert (SOURCE, "remove") in steps
    away = settings.model_copy(update={"pg_port": 1})
    [undone] = remove(find_capture(SOURCE, away), away, lambda line: None)
    assert undone.endswith(f"pg_drop_replication_slot('{NAME}'); DROP PUBLICATION IF EXISTS {NAME};")
    lines: list[str] = []
    assert remove(find_capture(SOURCE, settings), settings, lines.append) == []
    assert lines[1:] == [f"replication slot {NAME}: dropped", f"publication {NAME}: dropped"]
    left = "SELECT slot_name FROM pg_replication_slots UNION SELECT pubname FROM pg_publication"
    assert (NAME,) not in orders.execute(left).fetchall()
    with ConnectApi(settings.connect_url) as connect:
        assert SOURCE not in connect.names()
    apply(load(mine.sources), mine, lambda line: None)
    _wait(lambda: status(load(mine.sources), mine).sources[0].snapshot.rows_read == 6)


def test_a_connector_that_fails_is_told_with_its_reason(write_source: WriteSource, clean: KafkaAdmin) -> None:
    mine = write_source(options={"publication.autocreate.mode": "disabled"})
    with pytest.raises(ConnectorFailed, match=r"[Pp]ublication"):
        apply(load(mine.sources), mine, lambda line: None, wait_seconds=WAIT_SECONDS)
    [report] = status(load(mine.sources), mine).sources
    assert report.connector.failed
    assert "ublication" in report.connector.errors[0]

    repaired = write_source()
    apply(load(repaired.sources), repaired, lambda line: None)
    [report] = status(load(repaired.sources), repaired).sources
    assert report.connector.running


def test_a_topic_with_too_many_partitions_stops_apply_before_any_change(
    write_source: WriteSource, clean: KafkaAdmin
) -> None:
    mine = write_source()
    clean.create_topics([TopicSpec(f"{SOURCE}.message", 2)])
    with pytest.raises(Misconfigured, match=f"{SOURCE}.message has 2 partitions"):
        apply(load(mine.sources), mine, lambda line: None)
    assert f"{SOURCE}.transaction" not in clean.topics()


def test_topics_are_created_once_changed_and_read_to_their_end(clean: KafkaAdmin, settings: Settings) -> None:
    spec = TopicSpec(f"{SOURCE}.read", 3, {"cleanup.policy": "compact"})
    assert clean.create_topics([spec]) == [spec.name]
    assert clean.create_topics([spec]) == []
    assert clean.configs([spec.name])[spec.name]["cleanup.policy"] == "compact"
    clean.configure(spec.name, {"cleanup.policy": "delete"})
    _wait(lambda: clean.configs([spec.name])[spec.name]["cleanup.policy"] == "delete")
    assert list(clean.read(spec.name)) == []
    _produce(settings, spec.name, 100)
    assert sorted(int(message.value() or b"") for message in clean.read(spec.name)) == list(range(100))
    newest = [int(message.value() or b"") for message in clean.read(spec.name, newest=5)]
    assert len(newest) == 15
    assert max(newest) == 99
    offsets = KafkaOffsets(settings.kafka, "a-group-nobody-has")
    assert sum(offsets.end_offsets([spec.name, "absent"]).values()) == 100
    assert set(offsets.begin_offsets([spec.name]).values()) == {0}
    assert offsets.committed([spec.name]) == {}


def test_a_refused_topic_is_misconfigured_in_kafkas_words(clean: KafkaAdmin) -> None:
    with pytest.raises(Misconfigured, match="Kafka refuses"):
        clean.create_topics([TopicSpec(f"{SOURCE}.bad", 1, {"cleanup.policy": "sometimes"})])


def test_status_names_what_is_away_and_still_tells_the_rest(settings: Settings, write_source: WriteSource) -> None:
    mine = write_source()
    away = mine.model_copy(update={"connect_url": f"http://{NOWHERE}", "pg_port": 1})
    [report] = status(load(mine.sources), away).sources
    assert report.connector.state == "UNREACHABLE"
    assert report.snapshot.rows_expected is None


@pytest.mark.parametrize(
    ("part", "field"), [("Kafka", "kafka"), ("Kafka Connect", "connect_url"), ("PostgreSQL", "pg_port")]
)
def test_what_is_away_is_unavailable_within_its_time(
    write_source: WriteSource, orders: psycopg.Connection[Any], part: str, field: str
) -> None:
    value = {"kafka": NOWHERE, "connect_url": f"http://{NOWHERE}", "pg_port": 1}[field]
    away = write_source().model_copy(update={field: value, "request_timeout": 2.0})
    start = time.monotonic()
    ping = KafkaAdmin(away.kafka, away.request_timeout).ping
    ask = ping if part == "Kafka" else lambda: validate(away.sources, away, online=True)
    with pytest.raises(Unavailable) as caught:
        ask()
    assert caught.value.part == part
    assert time.monotonic() - start < 10


def _wait_for_snapshot(contracts: list[Contract], settings: Settings) -> SourceReport:
    reports: list[SourceReport] = []

    def done() -> bool:
        reports[:] = status(contracts, settings).sources
        return reports[0].snapshot.state == "done"

    _wait(done)
    return reports[0]


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def _line(settings: Settings, option: str) -> int:
    lines = (settings.sources / "live.debezium.json").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if f'"{option}"' in line)


def _produce(settings: Settings, topic: str, count: int) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": settings.kafka, "log_level": 0})
    for number in range(count):
        producer.produce(topic, str(number).encode(), key=str(number).encode())
    assert producer.flush(WAIT_SECONDS) == 0


def _remove(settings: Settings, kafka: KafkaAdmin, database: psycopg.Connection[Any]) -> None:
    remove(find_capture(SOURCE, settings), settings, lambda line: None)
    mine = [topic for topic in kafka.topics() if SOURCE in topic]
    kafka.delete_topics(mine)
    _wait(lambda: not any(SOURCE in topic for topic in kafka.topics()))
