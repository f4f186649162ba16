"""The scratch source: a database of its own, and a Debezium connector for each way of capturing it."""

import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import httpx
import psycopg
from confluent_kafka.admin import AdminClient
from psycopg import conninfo, sql

from infra.recorder.kinds import CONNECTORS, MARK, Kind, topic_prefix
from schemas.errors import Unavailable
from schemas.settings import Settings, read_secret

DATABASE: Final = "freshline_recorder"
WAIT_SECONDS = 60.0
_JSON = "org.apache.kafka.connect.json.JsonConverter"

Database = psycopg.Connection[tuple[Any, ...]]


class Scratch:
    """Made from nothing by `make`, gone without a trace after `remove`; both may follow a run that broke off."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connect = httpx.Client(base_url=settings.connect_url, timeout=30.0, trust_env=False)
        self._kafka = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 0})

    def make(self, kinds: Iterable[Kind]) -> None:
        """The database with the kinds' tables, then every connector, streaming when this returns."""
        with self.connected("postgres") as server:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        captured: dict[str, list[str]] = {}
        with self.connected() as database:
            for kind in kinds:
                enter(database, kind)
                database.execute(kind.tables.encode())
                for connector in kind.connectors:
                    captured.setdefault(connector, []).append(rf"{kind.name}\..*")
        for connector, tables in captured.items():
            name = topic_prefix(connector)
            self._connect.put(f"/connectors/{name}/config", json=_options(connector, tables)).raise_for_status()
        with self.connected() as database:
            wait("its connectors", lambda: _streaming(database) == {topic_prefix(name) for name in captured})

    def remove(self) -> None:
        """No connector, slot, database or topic of the recorder is left."""
        for name in map(topic_prefix, CONNECTORS):
            if self._state(name) is not None:
                self._connect.put(f"/connectors/{name}/stop").raise_for_status()
                wait(f"connector {name} to stop", lambda name=name: self._state(name) == "STOPPED")  # type: ignore[misc]
                self._connect.delete(f"/connectors/{name}/offsets").raise_for_status()
                self._connect.delete(f"/connectors/{name}").raise_for_status()
        with self.connected("postgres") as server:
            mine = "FROM pg_replication_slots WHERE database = %s"
            wait("its slots", lambda: not server.execute(f"SELECT 1 {mine} AND active", [DATABASE]).fetchall())
            server.execute(f"SELECT pg_drop_replication_slot(slot_name) {mine}", [DATABASE])
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
        topics = self.topics()
        for future in self._kafka.delete_topics(topics).values() if topics else ():
            future.result(WAIT_SECONDS)

    def connected(self, database: str = DATABASE) -> Database:
        """A connection in autocommit."""
        return psycopg.connect(
            conninfo.make_conninfo(
                host=self._settings.pg_host,
                port=self._settings.pg_port,
                user=self._settings.pg_user,
                password=read_secret(self._settings.pg_password_file),
                dbname=database,
            ),
            autocommit=True,
        )

    def topics(self) -> list[str]:
        """Every topic of the recorder's connectors."""
        return sorted(name for name in self._kafka.list_topics(timeout=WAIT_SECONDS).topics if "recorder_" in name)

    def _state(self, name: str) -> str | None:
        answer = self._connect.get(f"/connectors/{name}/status")
        return str(answer.json()["connector"]["state"]) if answer.is_success else None


def enter(database: Database, kind: Kind) -> None:
    """Make the kind's schema if need be; unqualified names mean tables there."""
    schema = sql.Identifier(kind.name)
    database.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
    database.execute(sql.SQL("SET search_path TO {}, public").format(schema))


def wait(what: str, condition: Callable[[], bool]) -> None:
    """Return once the condition holds. Raises Unavailable after a minute."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Unavailable("the recorder's source", f"waited in vain for {what}")
        time.sleep(0.1)


def _streaming(database: Database) -> set[str]:
    rows = database.execute("SELECT slot_name FROM pg_replication_slots WHERE active AND database = %s", [DATABASE])
    return {str(name) for (name,) in rows.fetchall()}


def _options(connector: str, tables: list[str]) -> dict[str, str]:
    """As the sample sources capture, but for what CONNECTORS says."""
    name = topic_prefix(connector)
    variables = {"hostname": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        **{f"database.{option}": f"${{env:COMPANY_{variable}}}" for option, variable in variables.items()},
        "database.dbname": DATABASE,
        "topic.prefix": name,
        "slot.name": name,
        "publication.name": name,
        "publication.autocreate.mode": "filtered",
        "table.include.list": ",".join(tables),
        "plugin.name": "pgoutput",
        "provide.transaction.metadata": "true",
        "skipped.operations": "none",
        "decimal.handling.mode": "string",
        "poll.interval.ms": "10",
        "topic.creation.default.replication.factor": "1",
        "topic.creation.default.partitions": "1",
        "key.converter": _JSON,
        "key.converter.schemas.enable": "false",
        "value.converter": _JSON,
        "value.converter.schemas.enable": "false",
        "message.prefix.include.list": ".*" if connector == "beats" else rf"{re.escape(MARK)}\..*",
        **CONNECTORS[connector],
    }
