"""The decision log on the real parts: PostgreSQL as its store, Kafka as the place of its copy."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest
from decision_stage import KEY, KEYS, SECRET, all_of, draft, head_of, making, now_ms, record, recorder
from decision_store_contract import DecisionStoreContract
from psycopg import conninfo, sql

import freshline
from connectors.kafka_admin import KafkaAdmin, TopicSpec
from query.decisions.heads import Sealer
from query.decisions.postgres import PostgresDecisions
from query.decisions.publish import KafkaCopies, Publisher
from query.decisions.sqlite import SqliteDecisions
from query.decisions.verify import Witness, verify
from schemas.errors import RecordUnavailable, Unavailable
from schemas.settings import Settings

pytestmark = pytest.mark.live


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    """A database of its own, without the password."""
    name = sql.Identifier(f"decisions_{uuid4().hex}")
    with psycopg.connect(freshline.dsn(settings), autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield conninfo.make_conninfo(
            host=settings.pg_host, port=settings.pg_port, user=settings.pg_user, dbname=name.as_string().strip('"')
        )
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def reopen(url: str, settings: Settings) -> Iterator[Callable[[], PostgresDecisions]]:
    opened: list[PostgresDecisions] = []

    def reopen() -> PostgresDecisions:
        opened.append(PostgresDecisions(url, settings.pg_password_file))
        return opened[-1]

    yield reopen
    for one in opened:
        one.close()


@pytest.fixture
def store(reopen: Callable[[], PostgresDecisions]) -> PostgresDecisions:
    return reopen()


class TestPostgres(DecisionStoreContract):
    def test_a_connection_that_was_cut_is_made_anew(
        self, store: PostgresDecisions, url: str, settings: Settings
    ) -> None:
        store.append(making(draft(1)))
        with psycopg.connect(freshline.dsn(settings), autocommit=True) as server:
            cut = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'freshline decisions'"
            )
            server.execute(cut)
        with pytest.raises(Unavailable, match="the decision store"):
            store.append(making(draft(2)))
        store.append(making(draft(3)))
        assert [entry.sequence for entry in all_of(store)] == [1, 2]

    def test_a_writer_that_waits_too_long_for_its_turn_refuses_the_answer(
        self, store: PostgresDecisions, url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("query.decisions.postgres.LIMIT_S", 1)
        store.append(making(draft(1)))
        password = conninfo.conninfo_to_dict(freshline.dsn(settings)).get("password")
        with psycopg.connect(url, password=password) as other:
            other.execute("LOCK TABLE freshline_log IN EXCLUSIVE MODE")
            with pytest.raises(RecordUnavailable):
                record(recorder(store))
            assert len(all_of(store)) == 1, "reading goes on"
        record(recorder(store))

    def test_a_log_in_postgresql_is_sealed_verified_and_altered_in_vain(
        self, store: PostgresDecisions, url: str, settings: Settings, tmp_path
    ) -> None:
        for _ in range(3):
            record(recorder(store), question=SECRET)
        head_of(Sealer(store, KEY, KEYS, tmp_path / "head.json", now_ms))
        assert verify(all_of(store), KEYS).clean
        password = conninfo.conninfo_to_dict(freshline.dsn(settings)).get("password")
        with psycopg.connect(url, password=password) as other:
            other.execute("UPDATE freshline_log SET envelope = replace(envelope, 'acme', 'rival') WHERE sequence = 2")
        found = verify(all_of(store), KEYS).findings
        assert [(finding.sequence, finding.what) for finding in found] == [(2, "altered")]


def test_kafka_keeps_the_copy_goes_on_from_it_and_shows_a_cut(settings: Settings, tmp_path) -> None:
    store, topic = SqliteDecisions(tmp_path / "decisions.db"), f"decisions-{uuid4().hex}"
    KafkaAdmin(settings.kafka).create_topics([TopicSpec(topic)])
    copies = KafkaCopies(settings.kafka, topic)
    assert copies.last() is None
    for _ in range(3):
        record(recorder(store))
    assert Publisher(store, copies).publish() == 3
    head_of(Sealer(store, KEY, KEYS, tmp_path / "head.json", now_ms))
    assert Publisher(store, KafkaCopies(settings.kafka, topic)).publish() == 1
    kept = Witness.of("the copy", copies.read())
    assert verify(all_of(store), KEYS, [kept]).clean
    found = verify(all_of(store)[:2], KEYS, [kept]).findings
    assert [(finding.sequence, finding.what) for finding in found] == [(3, "truncated")]
