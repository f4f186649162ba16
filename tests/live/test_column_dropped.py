"""A column that a contract needs is dropped while rows are streamed: the table stops, and goes on without loss."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from own_source import Database, OwnSource, eventually, own_settings

from connectors.kafka_admin import KafkaAdmin
from connectors.load import load
from connectors.status import SourceReport, status
from connectors.table_states import resume, states
from schemas.settings import Settings
from schemas.topics import raw_topic
from streams.batches import now_ms

pytestmark = [pytest.mark.live, pytest.mark.long]

SOURCE = f"dropped_{uuid4().hex[:8]}"
TABLE = f"{SOURCE}.tickets"


@pytest.fixture
def source(settings: Settings, company: Database, tmp_path: Path) -> Iterator[OwnSource]:
    company.execute(f"CREATE SCHEMA {SOURCE}")
    for table in ("tickets", "others"):
        company.execute(f"CREATE TABLE {SOURCE}.{table} (id int PRIMARY KEY, subject text, body text)")
    keys, texts = {"tickets": "[id]", "others": "[id]"}, {"tickets": "{subject}: {body}"}
    source = OwnSource(SOURCE, own_settings(settings, tmp_path, SOURCE), keys, texts)
    source.write()
    source.apply()
    yield source
    source.remove(company)


@pytest.fixture
def database(source: OwnSource, company: psycopg.Connection) -> Database:
    company.execute(f"SET search_path TO {SOURCE}")
    return company


def test_a_dropped_column_stops_its_table_which_goes_on_without_loss_once_the_contract_fits(
    source: OwnSource, database: Database
) -> None:
    with source.working():
        database.execute("INSERT INTO tickets VALUES (1, 'a', 'v1'), (2, 'b', 'v1'), (3, 'c', 'v1'), (4, 'd', 'v1')")
        good = {"1": "a: v1", "2": "b: v1", "3": "c: v1", "4": "d: v1"}
        source.holds("tickets", good)

        database.execute("ALTER TABLE tickets DROP COLUMN subject")
        database.execute("UPDATE tickets SET body = 'v2' WHERE id = 1")
        assert eventually(lambda: stopped(source), [TABLE]) == [TABLE]
        [reason] = [state.reason for state in report(source).stopped]
        assert "'subject'" in reason

        database.execute("DELETE FROM tickets WHERE id = 2")
        database.execute("UPDATE tickets SET id = 30 WHERE id = 3")
        database.execute("INSERT INTO tickets VALUES (5, 'v1')")
        database.execute("INSERT INTO others VALUES (1, '', 'goes on')")
        source.holds("others", {"1": "goes on"})
        assert source.found("tickets") == good

        say_resume(source)
        assert eventually(lambda: stopped(source), [TABLE]) == [TABLE], "rows without the column still wait"
        assert (source.found("tickets"), report(source).dead_letters) == (good, 0)

    source.texts = {"tickets": "{body}"}
    source.write()
    source.apply()
    assert stopped(source) == []
    with source.working():
        source.holds("tickets", {"1": "v2", "4": "d: v1", "5": "v1", "30": "v1"})
        assert eventually(lambda: report(source).raw_backlog, 0) == 0
        assert (stopped(source), report(source).dead_letters) == ([], 0)


def report(source: OwnSource) -> SourceReport:
    [found] = status(load(source.settings.sources), source.settings).sources
    return found


def stopped(source: OwnSource) -> list[str]:
    return [state.table for state in report(source).stopped]


def say_resume(source: OwnSource) -> None:
    """As `freshline sources resume`; returns once a worker has stopped the table anew, or a minute passed."""
    settings, kafka = source.settings, KafkaAdmin(source.settings.kafka)
    resume(settings.kafka, load(settings.sources), SOURCE, TABLE, now_ms(), settings.request_timeout)
    assert states(kafka)[raw_topic(SOURCE, TABLE)].state == "running"
