"""The native stack on real software, in a home of its own: killed, repaired, ended, and nothing lost."""

import json
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from infra.local.home import Endpoints
from infra.local.stack import Stack
from schemas.settings import read_secret

pytestmark = pytest.mark.live
JARS = Path(__file__).resolve().parents[2] / ".freshline" / "jars"
WAIT_SECONDS = 60.0
SERVERS = ("postgres", "kafka", "connect", "milvus")
TABLE, TOPIC, MESSAGES = "public.kept", "kept", "freshline-test.message"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("home"), report=lambda line: None, jars_folder=JARS)
    try:
        stack.up()
        furnish(stack.endpoints())
        yield stack
    finally:
        stack.erase()


def furnish(endpoints: Endpoints) -> None:
    with database(endpoints) as connection:
        connection.execute(f"create table {TABLE} (id int primary key, word text)")
    kafka = AdminClient({"bootstrap.servers": endpoints["kafka"]["bootstrap"]})
    kafka.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(timeout=WAIT_SECONDS)


def database(endpoints: Endpoints) -> psycopg.Connection:
    place = endpoints["postgres"]
    return psycopg.connect(
        host=place["host"],
        port=place["port"],
        user=place["user"],
        dbname=place["database"],
        password=read_secret(Path(place["password_file"])),
        autocommit=True,
    )


def write(endpoints: Endpoints, word: str) -> None:
    with database(endpoints) as connection:
        connection.execute(
            f"insert into {TABLE} values (1, %s) on conflict (id) do update set word = excluded.word", [word]
        )
    producer = Producer({"bootstrap.servers": endpoints["kafka"]["bootstrap"], "acks": "all"})
    producer.produce(TOPIC, word)
    assert producer.flush(WAIT_SECONDS) == 0


def row(endpoints: Endpoints) -> str:
    with database(endpoints) as connection:
        found = connection.execute(f"select word from {TABLE} where id = 1").fetchone()
    return str(found[0]) if found else ""


def wait_for_message(endpoints: Endpoints, topic: str, wanted: bytes) -> bytes:
    """The first message of a topic that contains `wanted`, from its beginning; at most WAIT_SECONDS."""
    options = {"group.id": str(uuid.uuid4()), "auto.offset.reset": "earliest"}
    reader = Consumer({"bootstrap.servers": endpoints["kafka"]["bootstrap"], **options})
    reader.subscribe([topic])
    deadline = time.monotonic() + WAIT_SECONDS
    try:
        while time.monotonic() < deadline:
            message = reader.poll(0.5)
            value = message.value() if message is not None and message.error() is None else None
            if value is not None and wanted in value:
                return value
    finally:
        reader.close()
    pytest.fail(f"no {wanted!r} in {topic} within {WAIT_SECONDS:.0f} s")


def pids(stack: Stack) -> dict[str, int | None]:
    return {part.name: part.pid for part in stack.status() if part.name in SERVERS}


def states(stack: Stack) -> dict[str, str]:
    return {part.name: part.state for part in stack.status() if part.name in SERVERS}


def test_a_second_up_keeps_processes_and_endpoints(stack: Stack) -> None:
    before, endpoints = pids(stack), stack.endpoints()
    stack.up()
    assert pids(stack) == before
    assert stack.endpoints() == endpoints
    assert set(states(stack).values()) == {"running"}


@pytest.mark.parametrize("name", SERVERS)
def test_up_repairs_a_killed_part_and_what_was_written_is_still_there(stack: Stack, name: str) -> None:
    word, endpoints = f"before-{name}-{uuid.uuid4()}", stack.endpoints()
    write(endpoints, word)
    stack.kill(name)
    assert states(stack)[name] == "stopped"
    stack.up()
    assert set(states(stack).values()) == {"running"}
    assert stack.endpoints() == endpoints
    assert row(endpoints) == word
    assert wait_for_message(endpoints, TOPIC, word.encode())


def test_up_replaces_a_part_that_hangs(stack: Stack) -> None:
    before = pids(stack)["connect"]
    stack.kill("connect", signal.SIGSTOP)
    stack.up()
    assert states(stack)["connect"] == "running"
    assert pids(stack)["connect"] != before


def test_a_committed_row_reaches_kafka_through_debezium_with_the_password_by_reference(stack: Stack) -> None:
    endpoints = stack.endpoints()
    register_connector(endpoints)
    word = f"fresh-{uuid.uuid4()}"
    write(endpoints, word)
    event = json.loads(wait_for_message(endpoints, f"freshline-test.{TABLE}", word.encode()))
    assert event["after"] == {"id": 1, "word": word}
    beat = json.loads(wait_for_message(endpoints, MESSAGES, b'"op":"m"'))
    assert beat["message"] == {"prefix": "freshline.test", "content": ""}
    config = httpx.get(
        f"{endpoints['connect']['url']}/connectors/freshline-test/config", timeout=10, trust_env=False
    ).text
    assert read_secret(Path(endpoints["postgres"]["password_file"])) not in config


def register_connector(endpoints: Endpoints) -> None:
    config = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        **{f"database.{key}": f"${{env:COMPANY_{name}}}" for key, name in COMPANY.items()},
        "topic.prefix": "freshline-test",
        "plugin.name": "pgoutput",
        "slot.name": "freshline_test",
        "publication.name": "freshline_test",
        "publication.autocreate.mode": "filtered",
        "table.include.list": TABLE,
        "poll.interval.ms": "10",
        "heartbeat.interval.ms": "500",
        "heartbeat.action.query": "select pg_logical_emit_message(true, 'freshline.test', '')",
        "topic.creation.default.replication.factor": "1",
        "topic.creation.default.partitions": "1",
    }
    address = f"{endpoints['connect']['url']}/connectors/freshline-test/config"
    assert httpx.put(address, json=config, timeout=WAIT_SECONDS, trust_env=False).status_code == 201


COMPANY = {"hostname": "HOST", "port": "PORT", "dbname": "DATABASE", "user": "USER", "password": "PASSWORD"}


def test_nothing_listens_beyond_loopback(stack: Stack) -> None:
    for pid in pids(stack).values():
        listening = [c for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
        assert listening
        assert {connection.laddr.ip.removeprefix("::ffff:") for connection in listening} == {"127.0.0.1"}


def test_down_leaves_no_process_and_up_finds_the_data_again(stack: Stack) -> None:
    word, endpoints = f"kept-{uuid.uuid4()}", stack.endpoints()
    write(endpoints, word)
    everyone = [p for pid in pids(stack).values() for p in family(pid)]
    assert len(everyone) > len(SERVERS)
    stack.down()
    assert [p for p in everyone if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    stack.down()
    stack.up()
    assert stack.endpoints() == endpoints
    assert row(endpoints) == word
    assert wait_for_message(endpoints, TOPIC, word.encode())


def family(pid: int | None) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
