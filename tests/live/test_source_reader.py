"""Reading a PostgreSQL source under the asker's own identity: the promises of the port, and PostgreSQL's own traps."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from source_reader_contract import ALICE, BOB, LONG_S, SOURCE, SourceReaderContract, contract_of, docs, read

import freshline
from query.asker import Asker
from query.source.login import connection_of
from query.source.postgres import PostgresReader
from schemas.change import record_id
from schemas.enforcement import Login
from schemas.errors import Misconfigured, Unavailable
from schemas.settings import Settings

pytestmark = pytest.mark.live

NAME = f"vault_{uuid4().hex[:8]}"
"""Of schema, role and login: roles belong to the whole server, so another one in each run."""
ROLE, USER = f"{NAME}_role", f"{NAME}_login"
PASSWORD = uuid4().hex
OWN = "tenant_id = current_setting('freshline.tenant') AND owner = current_setting('freshline.subject')"
CLEARED = "(NOT secret OR current_setting('freshline.attributes')::jsonb ->> 'clearance' = 'secret')"
MADE = f"""
    CREATE SCHEMA {NAME};
    CREATE TABLE {NAME}.docs (
      id int PRIMARY KEY, tenant_id text, owner text, title text, body text, secret bool, card text DEFAULT '4111',
      amount numeric(9, 2) DEFAULT 12.3, at timestamptz DEFAULT '2026-11-23 05:00+02'
    );
    CREATE TABLE {NAME}.places (
      place text, number int, tenant_id text, owner text, body text, PRIMARY KEY (place, number)
    );
    CREATE ROLE {ROLE} NOLOGIN;
    CREATE ROLE {USER} LOGIN NOINHERIT PASSWORD '{PASSWORD}' IN ROLE {ROLE};
    GRANT USAGE ON SCHEMA {NAME} TO {ROLE};
    GRANT SELECT (id, tenant_id, owner, title, body, secret, amount, at) ON {NAME}.docs TO {ROLE};
    GRANT SELECT ON {NAME}.places TO {ROLE};
    ALTER TABLE {NAME}.docs ENABLE ROW LEVEL SECURITY;
    ALTER TABLE {NAME}.places ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON {NAME}.docs FOR SELECT TO {ROLE} USING ({OWN} AND {CLEARED});
    CREATE POLICY own ON {NAME}.places FOR SELECT TO {ROLE} USING ({OWN});
"""
GONE = "; ".join(
    [f"DROP SCHEMA IF EXISTS {NAME} CASCADE"] + [f"DROP ROLE IF EXISTS {role}" for role in (USER, ROLE, f"{ROLE}_own")]
)

Database = psycopg.Connection[Any]


class PostgresStage:
    """Tables with row-level security in a schema of their own."""

    schema = NAME

    def __init__(self, database: Database, settings: Settings, **at_source: Any) -> None:
        self.database, self.settings = database, settings
        self.reader = PostgresReader(contract_of(NAME, **{"role": ROLE, **at_source}), self.login)

    def login(self) -> dict[str, str | int | None]:
        login = Login(user="${env:VAULT_USER}", password="${env:VAULT_PASSWORD}")
        return connection_of(login, self.settings, {"VAULT_USER": USER, "VAULT_PASSWORD": PASSWORD})

    def put(self, number: int, owner: Asker, body: str, secret: bool = False) -> str:
        self.database.execute(
            f"""INSERT INTO {NAME}.docs (id, tenant_id, owner, title, body, secret) VALUES (%s, %s, %s, 'T', %s, %s)
            ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, body = excluded.body, secret = excluded.secret""",
            [number, owner.principal.tenant, owner.principal.subject, body, secret],
        )
        return docs(self, number)[0]

    def put_place(self, place: str, number: int, owner: Asker) -> str:
        values = [place, number, owner.principal.tenant, owner.principal.subject]
        self.database.execute(f"INSERT INTO {NAME}.places VALUES (%s, %s, %s, %s, 'x')", values)
        return record_id(SOURCE, f"{NAME}.places", {"place": place, "number": number}, ["place", "number"])

    def delete(self, number: int) -> None:
        self.database.execute(f"DELETE FROM {NAME}.docs WHERE id = %s", [number])


@pytest.fixture
def stage(settings: Settings) -> Iterator[PostgresStage]:
    with psycopg.connect(freshline.dsn(settings), autocommit=True) as database:
        database.execute(GONE)
        database.execute(MADE)
        stage = PostgresStage(database, settings)
        try:
            yield stage
        finally:
            stage.reader.close()
            database.execute(GONE)


class TestPostgresReader(SourceReaderContract):
    pass


def test_what_the_contract_needs_is_found_to_be_there(stage: PostgresStage) -> None:
    stage.reader.examine()


@pytest.mark.parametrize(
    ("spoilt", "what"),
    [
        ("ALTER TABLE {n}.docs DISABLE ROW LEVEL SECURITY", "has no row-level security"),
        ("ALTER ROLE {r} BYPASSRLS", "bypasses row-level security"),
        ("ALTER ROLE {r} SUPERUSER", "bypasses row-level security"),
        ("ALTER TABLE {n}.docs OWNER TO {r}", "which owns it"),
        ("CREATE ROLE {r}_own; GRANT {r}_own TO {r}; "
         "ALTER TABLE {n}.docs OWNER TO {r}_own", "which owns it"),
    ],
    ids=["not enabled", "bypassing role", "superuser", "owner", "member of the owner"],
)  # fmt: skip
def test_where_row_security_would_not_bind_it_is_refused_with_the_remedy_and_nothing_is_shown(
    stage: PostgresStage, spoilt: str, what: str
) -> None:
    name = stage.put(1, BOB, "of bob")
    assert read(stage, ALICE, [name]) == {}
    try:
        stage.database.execute(spoilt.format(n=NAME, r=ROLE))
        assert read(stage, ALICE, [name]) == {}, "also while what was found at the start is still believed"
        with pytest.raises(Misconfigured, match=what) as refused:
            stage.reader.examine()
        remedy = str(refused.value).partition("run: ")[2].partition("; CREATE POLICY")[0]
        stage.database.execute(remedy)
        stage.reader.examine()
        assert read(stage, ALICE, [name]) == {}
        assert read(stage, BOB, [name]).keys() == {name}
    finally:
        stage.database.execute(f"ALTER TABLE {NAME}.docs OWNER TO CURRENT_USER")


@pytest.mark.parametrize(
    ("spoilt", "what"),
    [
        ("REVOKE {r} FROM {u}", "may not act as"),
        ("REVOKE SELECT ON {n}.places FROM {r}", "may not read"),
        ("REVOKE SELECT (body) ON {n}.docs FROM {r}", "may not read"),
        ("REVOKE USAGE ON SCHEMA {n} FROM {r}", "may not read"),
    ],
)
def test_a_privilege_that_lacks_is_named_with_the_statement_that_gives_it(
    stage: PostgresStage, spoilt: str, what: str
) -> None:
    stage.database.execute(spoilt.format(n=NAME, r=ROLE, u=USER))
    with pytest.raises(Misconfigured, match=what) as refused:
        stage.reader.examine()
    stage.database.execute(str(refused.value).rpartition(": ")[2])
    stage.reader.examine()


def test_a_role_that_is_not_there_is_asked_for(stage: PostgresStage) -> None:
    other = PostgresStage(stage.database, stage.settings, role=f"{NAME}_none")
    with pytest.raises(Misconfigured, match=f'CREATE ROLE "{NAME}_none" NOLOGIN'):
        other.reader.examine()
    other.reader.close()


def test_a_table_that_is_locked_holds_nobody_beyond_the_limit_and_is_read_again_after(stage: PostgresStage) -> None:
    name = stage.put(1, ALICE, "x")
    assert read(stage, ALICE, [name])
    with stage.database.transaction():
        stage.database.execute(f"LOCK TABLE {NAME}.docs IN ACCESS EXCLUSIVE MODE")
        began = monotonic()
        with pytest.raises(Unavailable, match="in time"):
            stage.reader.read(ALICE, {f"{NAME}.docs": [name]}, began + 0.3)
        assert 0.25 < monotonic() - began < 1.0
    assert read(stage, ALICE, [name])


def test_connections_that_broke_meanwhile_are_replaced(stage: PostgresStage) -> None:
    name = stage.put(1, ALICE, "x")
    assert read(stage, ALICE, [name])
    killed = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s"
    assert stage.database.execute(killed, [USER]).fetchone() != (0,)
    assert read(stage, ALICE, [name])


def test_what_is_read_changes_with_the_table(stage: PostgresStage) -> None:
    name = stage.put(1, ALICE, "x")
    assert read(stage, ALICE, [name])[name]["body"] == "x"
    stage.database.execute(f"ALTER TABLE {NAME}.docs RENAME COLUMN title TO headline")
    with pytest.raises(Unavailable):
        read(stage, ALICE, [name])
    assert "title" not in read(stage, ALICE, [name])[name]


@contextmanager
def silent_server() -> Iterator[int]:
    """A server that takes connections and never says a word; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_says_nothing_holds_nobody_beyond_the_limit(settings: Settings) -> None:
    with silent_server() as port:
        reader = PostgresReader(contract_of(), lambda: {"host": "127.0.0.1", "port": port, "user": "x"})
        began = monotonic()
        with pytest.raises(Unavailable):
            reader.read(ALICE, {}, began + 0.3)
        assert monotonic() - began < 1.0
        reader.close()


class Freezer:
    """Stands between reader and database, and passes everything on until it is frozen."""

    def __init__(self, host: str, port: int) -> None:
        self._database, self._flowing = (host, port), Event()
        self._flowing.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        self._flowing.clear()

    def close(self) -> None:
        self._flowing.set()
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, there = self._server.accept()[0], socket.create_connection(self._database)
                for ends in ((here, there), (there, here)):
                    Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, giver: socket.socket, taker: socket.socket) -> None:
        with giver, suppress(OSError):
            while data := giver.recv(65536):
                self._flowing.wait(10)
                taker.sendall(data)
            taker.shutdown(socket.SHUT_WR)


def test_a_database_that_freezes_in_the_middle_holds_nobody_beyond_the_limit(stage: PostgresStage) -> None:
    name = stage.put(1, ALICE, "x")
    freezer = Freezer(stage.settings.pg_host, stage.settings.pg_port)
    reader = PostgresReader(contract_of(NAME, role=ROLE), lambda: {**stage.login(), "port": freezer.port})
    try:
        assert reader.read(ALICE, {f"{NAME}.docs": [name]}, monotonic() + LONG_S)
        freezer.freeze()
        began = monotonic()
        with pytest.raises(Unavailable):
            reader.read(ALICE, {f"{NAME}.docs": [name]}, began + 0.3)
        assert monotonic() - began < 2.0
    finally:
        freezer.close()
        reader.close()


def test_a_refused_login_names_neither_password_nor_value(stage: PostgresStage) -> None:
    wrong = connection_of(Login(user=USER, password="${env:P}"), stage.settings, {"P": "hunter2"})
    reader = PostgresReader(contract_of(), lambda: wrong)
    with pytest.raises(Unavailable) as at_start:
        reader.examine()
    with pytest.raises(Unavailable) as later:
        reader.read(ALICE, {}, monotonic() + 0.5)
    reader.close()
    assert "hunter2" not in f"{at_start.value} {later.value}"
