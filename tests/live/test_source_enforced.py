"""`enforce: source` on the real stack: with the stream job stopped, what the database takes away is gone at once.

The source has a schema, a role, a connector, a stream job and a collection of its own; they go with the tests.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from live_stage import within

import freshline
from connectors.apply import apply
from connectors.load import load
from connectors.remove import find_capture, remove
from query.asker import Asker, Circumstances
from query.capabilities.revoked import Revocations
from query.clock import system_clock
from query.decisions.memory import MemoryDecisions
from query.decisions.recorder import Recorder
from query.follow import Follower
from query.grounds import grounds_of
from query.live_index import LiveIndex, index_of
from query.principal import Principal
from query.search import Parts, answer
from query.serve import compose
from query.source.open import sources_of
from schemas.answer import Answer, Question
from schemas.contract import Contract
from schemas.errors import NotAvailable, SourceUnconfirmed
from schemas.settings import Settings
from schemas.topics import DEAD_LETTERS, raw_topic

pytestmark = pytest.mark.live

SOURCE = f"vault_{uuid4().hex[:8]}"
ROLE = f"{SOURCE}_role"
WAIT_S = 90.0
ALICE, BOB = (Asker(Principal(f"{name}@acme.example", "acme")) for name in ("alice", "bob"))
CARD = "4111-2222-3333"
ROWS = 25
PREPARED = f"""
    CREATE SCHEMA {SOURCE};
    CREATE TABLE {SOURCE}.docs (id int PRIMARY KEY, owner text, body text, card text);
    CREATE ROLE {ROLE} NOLOGIN;
    GRANT USAGE ON SCHEMA {SOURCE} TO {ROLE};
    GRANT SELECT (id, owner, body) ON {SOURCE}.docs TO {ROLE};
    ALTER TABLE {SOURCE}.docs ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON {SOURCE}.docs FOR SELECT TO {ROLE} USING (owner = current_setting('freshline.subject'));
    INSERT INTO {SOURCE}.docs
      SELECT n, '{ALICE.principal.subject}', 'the vault holds paper number ' || n, '{CARD}'
        FROM generate_series(1, {ROWS}) n;
    INSERT INTO {SOURCE}.docs VALUES (99, NULL, 'of nobody', '{CARD}');
"""
CONTRACT = f"""source: {SOURCE}
connector: {{plugin: postgres, config: vault.debezium.json}}
at_source: {{role: {ROLE}, within: 5s}}
enforce: source
tables:
  {SOURCE}.docs:
    key: [id]
    text: "{{body}}"
    mask: [card]
    permissions: {{tenant: acme, readers: ["user:{{owner}}"]}}
"""


@dataclass
class Vault:
    """The running source, and what answers questions about it, as the API puts it together."""

    settings: Settings
    parts: Parts
    database: psycopg.Connection[Any]
    worker: subprocess.Popen[bytes]

    @property
    def contract(self) -> Contract:
        return self.parts.grounds.contracts[SOURCE]

    def ask(self, asker: Asker) -> Answer:
        question = Question(query="the vault holds paper", limit=50)
        return answer(self.parts, asker, Circumstances(at_ms=system_clock().wall_ms), question)

    def shown(self, asker: Asker) -> dict[int, str]:
        return {int(hit.record_id.rpartition("/")[2]): hit.text for hit in self.ask(asker).hits}

    def stop_stream_job(self) -> None:
        self.worker.terminate()
        self.worker.wait(WAIT_S)


@pytest.fixture(scope="module")
def vault(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """Asked of an index that stands still: its lag does not count."""
    folder = tmp_path_factory.mktemp("vault")
    own = {"sources": folder, "collection": SOURCE, "group": SOURCE, "permission_lag_limit": 3600.0}
    mine = settings.model_copy(update=own)
    write_source(settings, folder)
    with ExitStack() as stack:
        database = stack.enter_context(psycopg.connect(freshline.dsn(settings), autocommit=True))
        database.execute(PREPARED)
        stack.callback(database.execute, f"DROP SCHEMA {SOURCE} CASCADE; DROP ROLE {ROLE}")
        contracts = load(folder)
        apply(contracts, mine, lambda line: None)
        stack.callback(lambda: remove(find_capture(SOURCE, mine), mine, lambda line: None))
        worker = started(mine, folder)
        stack.callback(worker.wait, WAIT_S)
        stack.callback(worker.terminate)
        grounds, revocations = grounds_of(mine), Revocations()
        follower = Follower(mine.kafka, grounds.view, revocations)
        follower.start()
        stack.callback(follower.stop)
        recorder = Recorder(MemoryDecisions(), Ed25519PrivateKey.generate())
        parts = compose(mine, grounds, revocations, LiveIndex(index_of(mine)), recorder).parts
        stack.callback(parts.guards.sources.close)
        vault = Vault(mine, parts, database, worker)
        within("all rows are indexed", lambda: indexed(vault), WAIT_S)
        yield vault


def indexed(vault: Vault) -> bool | None:
    try:
        return True if len(vault.shown(ALICE)) == ROWS else None
    except NotAvailable:
        return None


def started(mine: Settings, folder: Path) -> subprocess.Popen[bytes]:
    given = {"home": mine.home.absolute(), "sources": folder, "collection": SOURCE, "group": SOURCE}
    environ = os.environ | {f"FRESHLINE_{name.upper()}": str(value) for name, value in given.items()}
    with (folder / "worker.log").open("wb") as log:
        command = [sys.executable, str(Path(freshline.__file__)), "work", "--alone"]
        return subprocess.Popen(command, env=environ, cwd=folder, stdout=log, stderr=log)


def write_source(settings: Settings, folder: Path) -> None:
    sample = json.loads((settings.sources / "helpdesk.debezium.json").read_text())
    options = {name: value for name, value in sample.items() if name.startswith("database.")} | {
        "heartbeat.interval.ms": "500",
        "heartbeat.action.query": f"SELECT pg_logical_emit_message(true, 'freshline.{SOURCE}', '')",
    }
    (folder / "vault.debezium.json").write_text(json.dumps(options))
    (folder / "vault.yaml").write_text(CONTRACT)


def test_masked_columns_reach_neither_the_raw_topic_nor_the_dead_letters(vault: Vault) -> None:
    raw = values(vault.settings.kafka, raw_topic(SOURCE, f"{SOURCE}.docs"))
    assert sum(b"the vault holds paper" in value for value in raw) >= ROWS
    assert [value for value in raw if CARD.encode() in value or b'"card"' in value] == []
    letters = [json.loads(value) for value in values(vault.settings.kafka, DEAD_LETTERS) if value]
    mine = [letter for letter in letters if letter["source"] == SOURCE or SOURCE in letter["origin"]["topic"]]
    assert mine, "the row of nobody is a dead letter"
    assert CARD not in json.dumps(mine)


def test_with_the_stream_job_stopped_the_next_question_shows_no_revoked_row(vault: Vault) -> None:
    vault.stop_stream_job()
    assert vault.shown(ALICE).keys() == set(range(1, ROWS + 1))
    assert vault.shown(BOB) == {}
    for number in range(1, 21):
        vault.database.execute(f"UPDATE {SOURCE}.docs SET owner = %s WHERE id = %s", [BOB.principal.subject, number])
        assert number not in vault.shown(ALICE)
    held = vault.parts.live().store.held([f"{SOURCE}/{SOURCE}.docs/1"])
    assert held[f"{SOURCE}/{SOURCE}.docs/1"].rows, "the index still has it"


def test_what_leaves_is_the_row_as_it_is_now_and_a_deleted_one_is_gone(vault: Vault) -> None:
    vault.database.execute(f"UPDATE {SOURCE}.docs SET body = 'quite another text' WHERE id = 21")
    vault.database.execute(f"DELETE FROM {SOURCE}.docs WHERE id = 22")
    shown = vault.shown(ALICE)
    assert (shown[21], 22 in shown) == ("quite another text", False)
    assert shown[23] == "the vault holds paper number 23"


def test_while_the_table_is_locked_nothing_is_shown_and_after_it_all_is(vault: Vault) -> None:
    quick, slow = sources_of([impatient(vault.contract)], vault.settings, {}), vault.parts
    vault.parts = replace(slow, guards=replace(slow.guards, sources=quick))
    try:
        with vault.database.transaction():
            vault.database.execute(f"LOCK TABLE {SOURCE}.docs IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(SourceUnconfirmed):
                vault.ask(ALICE)
    finally:
        vault.parts = slow
        quick.close()
    assert vault.ask(ALICE).hits


def impatient(contract: Contract) -> Contract:
    assert contract.at_source is not None
    return contract.model_copy(update={"at_source": contract.at_source.model_copy(update={"within": 0.3})})


def values(kafka: str, topic: str) -> list[bytes]:
    """All that a topic holds now; at most WAIT_S."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": SOURCE, "enable.auto.commit": False})
    try:
        places = [TopicPartition(topic, number) for number in consumer.list_topics(topic, 10).topics[topic].partitions]
        ends = {place.partition: consumer.get_watermark_offsets(place, 10) for place in places}
        consumer.assign([TopicPartition(topic, number, first) for number, (first, _) in ends.items()])
        found, left = list[bytes](), {number for number, (first, end) in ends.items() if first < end}
        while left:
            message = within(f"all of {topic}", lambda: consumer.poll(1.0), WAIT_S)
            if message.error() is None:
                found.append(message.value() or b"")
                left -= {message.partition()} if message.offset() >= ends[message.partition()][1] - 1 else set()
        return found
    finally:
        consumer.close()
