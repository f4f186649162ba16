"""An outbox table through Debezium's real outbox router, from its events to answers.

The source has a schema, a connector, a stream job, an API and a collection of its own; they go when the tests are
through.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from live_stage import within
from psycopg.types.json import Jsonb

import freshline
from connectors.apply import apply, make_plan
from connectors.connect_api import ConnectApi
from connectors.dead_letters import DeadLetters
from connectors.kafka_admin import KafkaAdmin
from connectors.kafka_offsets import KafkaOffsets, quiet
from connectors.load import load
from connectors.remove import find_capture, remove
from connectors.status import status
from connectors.validate import validate
from query.ask import ask
from schemas.answer import Question
from schemas.errors import Refused, Unavailable
from schemas.settings import Settings
from schemas.topics import CHANGES
from streams.verify.run import Options, verify

pytestmark = pytest.mark.live

SOURCE = f"outbox_{uuid4().hex[:8]}"
"""Another one in each run, so that a run that broke off leaves nothing to this one."""
WAIT_S = 120.0
TABLES = f"""
    DROP SCHEMA IF EXISTS {SOURCE} CASCADE;
    CREATE SCHEMA {SOURCE};
    SET search_path TO {SOURCE};
    CREATE TABLE signals (id text PRIMARY KEY, type text, data text);
    CREATE TABLE notes (id int PRIMARY KEY, body text);
    CREATE TABLE outbox (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(), aggregatetype text NOT NULL, aggregateid text NOT NULL,
      type text, payload jsonb, sent boolean
    );
    INSERT INTO notes VALUES (0, 'there from the start');
    INSERT INTO outbox (aggregatetype, aggregateid, type, payload)
    VALUES ('ticket', 'old', 'Opened', '{{"note": "old"}}');
"""
CONTRACT = f"""\
source: {SOURCE}
connector: {{plugin: postgres, config: outbox.debezium.json}}
tables:
  {SOURCE}.notes:
    key: [id]
    text: "{{body}}"
    permissions: {{tenant: acme, readers: ["user:ann"]}}
outboxes:
  {SOURCE}.outbox:
    aggregates:
      ticket:
        upserts: [Opened, Changed]
        deletes: [Closed]
        ignored: [Viewed]
        optional: [team]
        text: "{{note}}"
        permissions: {{tenant: acme, readers: ["user:ann", "team:{{team}}#member"]}}
      membership:
        upserts: [Joined]
        deletes: [Left]
        relation: {{tenant: acme, object: "team:{{team}}", relation: member, subject: "user:{{person}}"}}
"""

Database = psycopg.Connection[Any]
Shows = Callable[..., None]


@pytest.fixture(scope="module")
def mine(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of the running source: its connector, its stream job and its API at work."""
    folder = tmp_path_factory.mktemp("outbox")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    policies = settings.policies.absolute()
    changed = {"sources": folder, "policies": policies, "collection": SOURCE, "group": SOURCE, "api_port": port}
    mine = settings.model_copy(update=changed)
    write_source(settings, folder)
    with psycopg.connect(freshline.dsn(settings), autocommit=True) as database:
        database.execute(TABLES)
    apply(load(folder), mine, lambda line: None)
    given = {f"FRESHLINE_{name.upper()}": str(value) for name, value in changed.items()}
    given["FRESHLINE_HOME"] = str(settings.home.absolute())
    _begin_at_the_end(mine)
    services = [_service(command, given, folder) for command in (["work", "--alone"], ["serve"])]
    try:
        yield mine
    finally:
        for service in services:
            service.terminate()
            service.wait(WAIT_S)
        remove(find_capture(SOURCE, mine), mine, lambda line: None)
        with psycopg.connect(freshline.dsn(settings), autocommit=True) as database:
            database.execute(f"DROP SCHEMA {SOURCE} CASCADE")


def write_source(settings: Settings, folder: Path) -> None:
    sample = json.loads((settings.sources / "helpdesk.debezium.json").read_text())
    options = {name: value for name, value in sample.items() if name.startswith(("database.", "time."))} | {
        "heartbeat.interval.ms": "500",
        "heartbeat.action.query": f"SELECT pg_logical_emit_message(true, 'freshline.{SOURCE}', '')",
        "signal.data.collection": f"{SOURCE}.signals",
        "table.include.list": f"{SOURCE}\\..*",
    }
    (folder / "outbox.debezium.json").write_text(json.dumps(options))
    (folder / "outbox.yaml").write_text(CONTRACT)


def _begin_at_the_end(mine: Settings) -> None:
    """What others have in freshline.changes is not for this index: to embed it all would take minutes."""
    ends = KafkaOffsets(mine.kafka, mine.group, mine.request_timeout).end_offsets([CHANGES])
    consumer = Consumer({**quiet(mine.kafka), "group.id": mine.group})
    consumer.commit(offsets=[TopicPartition(*place, end) for place, end in ends.items()], asynchronous=False)
    consumer.close()


def _service(command: list[str], given: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{command[0]}.log").open("wb") as log:
        program = [sys.executable, str(Path(freshline.__file__)), *command]
        return subprocess.Popen(program, env={**os.environ, **given}, cwd=folder, stdout=log, stderr=log)


@pytest.fixture
def database(mine: Settings) -> Iterator[Database]:
    with psycopg.connect(freshline.dsn(mine), autocommit=True) as connection:
        connection.execute(f"SET search_path TO {SOURCE}")
        yield connection


@pytest.fixture
def shows(mine: Settings) -> Shows:
    """Return once exactly these texts, by table and key, are what a person is shown; at most two minutes."""
    url = f"http://127.0.0.1:{mine.api_port}"

    def seen(person: str) -> dict[str, str] | None:
        try:
            answer = ask(url, freshline.token_for(mine, person, "acme"), Question(query="note", limit=50))
        except (Refused, Unavailable):  # the stream job and the API are about to start
            return None
        return {hit.record_id.removeprefix(f"{SOURCE}/{SOURCE}."): hit.text for hit in answer.hits}

    def wait(wanted: dict[str, str], person: str = "ann") -> None:
        within(f"{person} sees {wanted}", lambda: True if seen(person) == wanted else None, WAIT_S)

    return wait


def event(database: Database, kind: str, number: str, payload: object = None, aggregate: str = "ticket") -> None:
    database.execute(
        "INSERT INTO outbox (aggregatetype, aggregateid, type, payload) VALUES (%s, %s, %s, %s)",
        [aggregate, number, kind, None if payload is None else Jsonb(payload)],
    )


NOTE = {"notes/0": "there from the start"}


def test_the_contract_is_right_and_what_the_outbox_held_before_is_not_read(
    mine: Settings, database: Database, shows: Shows
) -> None:
    assert validate(mine.sources, mine, online=True) == []
    assert make_plan(load(mine.sources), mine).changes == ()
    shows(NOTE)
    [report] = status(load(mine.sources), mine).sources
    assert (report.connector.worst, report.snapshot.state, report.dead_letters) == ("RUNNING", "done", 0)


def test_an_event_is_answered_a_newer_one_replaces_it_and_a_delete_takes_it_away(
    database: Database, shows: Shows
) -> None:
    event(database, "Opened", "1", {"note": "The printer is on fire."})
    shows({**NOTE, "outbox.ticket/1": "The printer is on fire."})
    event(database, "Changed", "1", {"note": "The printer is out."})
    shows({**NOTE, "outbox.ticket/1": "The printer is out."})
    event(database, "Closed", "1")
    shows(NOTE)
    event(database, "Opened", "2", {"note": "gone without payload"})
    shows({**NOTE, "outbox.ticket/2": "gone without payload"})
    event(database, "Changed", "2")
    shows(NOTE)


def test_what_happens_to_the_rows_of_an_outbox_does_not_touch_what_their_events_said(
    mine: Settings, database: Database, shows: Shows
) -> None:
    with database.transaction():
        event(database, "Opened", "3", {"note": "written and deleted at once"})
        database.execute("DELETE FROM outbox WHERE aggregateid = '3'")
    event(database, "Opened", "4", {"note": "marked as sent"})
    database.execute('UPDATE outbox SET sent = true, payload = \'{"note": "rewritten"}\'')
    database.execute("DELETE FROM outbox")
    event(database, "Opened", "5", {"note": "emptied"})
    database.execute("TRUNCATE outbox")
    for aggregate in ("invoice", "tick", "tickets", "tickets\n of all sorts!", "freshline.labels", ""):
        event(database, "Opened", "1", {"note": "of no contract"}, aggregate)
    event(database, "Opened", "6", {"note": "the last"})
    texts = {"3": "written and deleted at once", "4": "marked as sent", "5": "emptied", "6": "the last"}
    shows({**NOTE, **{f"outbox.ticket/{number}": text for number, text in texts.items()}})
    with ConnectApi(mine.connect_url, mine.request_timeout) as connect:
        found = connect.status(SOURCE)
    assert found is not None
    assert found.running, found
    for number in texts:
        event(database, "Closed", number)
    shows(NOTE)


def test_an_event_of_an_unknown_type_is_a_dead_letter_and_the_next_one_is_applied(
    mine: Settings, database: Database, shows: Shows
) -> None:
    for kind, payload in (("Burnt", {"note": "x"}), ("Opened", {"text": "no note"}), ("Opened", [1]), ("Viewed", {})):
        event(database, kind, "7", payload)
    event(database, "Opened", "7", {"note": "the last one"})
    shows({**NOTE, "outbox.ticket/7": "the last one"})
    letters = [entry for entry in DeadLetters(mine).read(lambda *_: None).open.values() if entry.source == SOURCE]
    assert [(entry.table, entry.reason) for entry in letters] == [
        (f"{SOURCE}.outbox.ticket", "unsupported_operation"),
        (f"{SOURCE}.outbox.ticket", "malformed_event"),
        (f"{SOURCE}.outbox.ticket", "malformed_event"),
    ]
    event(database, "Closed", "7")
    shows(NOTE)


def test_a_membership_told_by_events_opens_what_its_team_may_read_and_closes_it_again(
    database: Database, shows: Shows
) -> None:
    event(database, "Opened", "8", {"note": "for team seven", "team": 7})
    event(database, "Joined", "bob-7", {"team": 7, "person": "bob"}, "membership")
    shows({"outbox.ticket/8": "for team seven"}, "bob")
    event(database, "Left", "bob-7", None, "membership")
    shows({}, "bob")
    event(database, "Closed", "8")
    shows(NOTE)


def test_the_other_tables_of_the_connector_are_captured_as_ever(database: Database, shows: Shows) -> None:
    database.execute("INSERT INTO notes VALUES (1, 'one'), (2, 'two')")
    database.execute("UPDATE notes SET body = 'ONE' WHERE id = 1")
    database.execute("DELETE FROM notes WHERE id = 2")
    shows({**NOTE, "notes/1": "ONE"})
    database.execute("UPDATE notes SET id = 10 WHERE id = 1")
    shows({**NOTE, "notes/10": "ONE"})
    database.execute("TRUNCATE notes; INSERT INTO notes VALUES (0, 'there from the start')")
    shows(NOTE)


def test_a_snapshot_of_an_outbox_brings_nothing_back_and_verify_says_what_it_cannot_compare(
    mine: Settings, database: Database, shows: Shows
) -> None:
    event(database, "Opened", "9", {"note": "first"})
    event(database, "Changed", "9", {"note": "second"})
    database.execute("DELETE FROM outbox WHERE type = 'Changed'")
    event(database, "Opened", "10", {"note": "gone"})
    event(database, "Closed", "10")
    database.execute("DELETE FROM outbox WHERE type = 'Closed'")
    shows({**NOTE, "outbox.ticket/9": "second"})
    signal = {"type": "incremental", "data-collections": [f"{SOURCE}.outbox", f"{SOURCE}.notes"]}
    database.execute("INSERT INTO signals VALUES ('again', 'execute-snapshot', %s)", [json.dumps(signal)])
    within("the snapshot", lambda: True if _read_again(mine) else None, WAIT_S)
    event(database, "Opened", "11", {"note": "after it"})
    shows({**NOTE, "outbox.ticket/9": "second", "outbox.ticket/11": "after it"})
    report = verify(load(mine.sources)[0], mine, Options(), lambda *_: lambda _: None)
    assert (report.clean, report.rows) == (True, {f"{SOURCE}.notes": 1})
    assert sorted(report.skipped) == [f"{SOURCE}.outbox.membership", f"{SOURCE}.outbox.ticket"]
    shows({**NOTE, "outbox.ticket/9": "second", "outbox.ticket/11": "after it"})


def _read_again(mine: Settings) -> bool:
    """Whether the outbox and the table after it were read: only then their events came twice."""
    kafka = KafkaAdmin(mine.kafka, mine.request_timeout)
    topics = (f"{SOURCE}.{SOURCE}.outbox.ticket", f"{SOURCE}.{SOURCE}.notes")
    snapshots = [
        [m for m in kafka.read(topic) if b'"incremental"' in _source(m.headers(), m.value())] for topic in topics
    ]
    return len(snapshots[0]) >= 2 and len(snapshots[1]) >= 1


def _source(headers: Any, value: bytes | None) -> bytes:
    return dict(headers or ()).get("source") or value or b""
