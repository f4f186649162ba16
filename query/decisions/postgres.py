"""The decision log in PostgreSQL: for any number of machines. Tables of its own in the database the URL names.

The URL holds no password: a file does (`FRESHLINE_DECISIONS_PASSWORD_FILE`), so that none is in a setting or a log.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any
from zlib import crc32

import psycopg
from psycopg import conninfo

from query.decisions.entry import Entry, Payload
from query.decisions.store import Make, Role, Runs
from schemas.decision import Kind
from schemas.errors import Misconfigured, Unavailable
from schemas.settings import read_secret

PART = "the decision store"
LIMIT_S = 3
"""For connecting, and for each statement."""
_LOCKS = crc32(b"freshline decisions") >> 1
"""Under which number PostgreSQL knows our advisory locks."""
Connection = psycopg.Connection[tuple[Any, ...]]
_TENANT = "((envelope::jsonb) ->> 'tenant')"
_TABLES = f"""
CREATE TABLE IF NOT EXISTS freshline_log (
  sequence bigint PRIMARY KEY,
  envelope text NOT NULL,
  seal bytea NOT NULL,
  id text GENERATED ALWAYS AS ((envelope::jsonb) ->> 'id') STORED,
  kind text GENERATED ALWAYS AS ((envelope::jsonb) ->> 'kind') STORED
);
CREATE UNIQUE INDEX IF NOT EXISTS freshline_log_id ON freshline_log (id);
CREATE INDEX IF NOT EXISTS freshline_log_kind ON freshline_log (kind, sequence);
CREATE INDEX IF NOT EXISTS freshline_log_tenant ON freshline_log ({_TENANT}, sequence);
CREATE TABLE IF NOT EXISTS freshline_payloads (sequence bigint PRIMARY KEY, salt bytea NOT NULL, body text NOT NULL);
CREATE TABLE IF NOT EXISTS freshline_shown (
  revocation_id text, sequence bigint, rows bigint NOT NULL, PRIMARY KEY (revocation_id, sequence)
);
"""
_ENTRIES = (
    "SELECT sequence, envelope, seal, salt, body FROM freshline_log LEFT JOIN freshline_payloads USING (sequence)"
)


class PostgresDecisions:
    """A DecisionStore. PostgreSQL may be away, at first or later: it is found again by itself.

    Raises Misconfigured for a URL that is none, or that holds a password.
    """

    def __init__(self, url: str, password_file: Path | None = None) -> None:
        try:
            parts = conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise Misconfigured(
                "the decision store's URL is not usable; write postgresql://user@host/database"
            ) from None
        if parts.get("password"):
            raise Misconfigured("the decision store's URL holds a password; put that into a file and name the file")
        self._connect = connecting(url, password_file, "freshline decisions")
        self._writer, self._reader = Line(self._connect), Line(self._connect)
        self._ready = False

    def append(self, make: Make, erased: Runs = ()) -> None:
        with self._writer.open() as connection:
            self._prepare(connection)
            with connection.transaction():
                # Readers go on; who else appends waits.
                connection.execute("LOCK TABLE freshline_log IN EXCLUSIVE MODE")
                found = connection.execute("SELECT coalesce(max(sequence), 0) FROM freshline_log").fetchone()
                entries = make((found[0] if found else 0) + 1)
                _insert(connection, entries)
                for first, last in erased:
                    connection.execute("DELETE FROM freshline_payloads WHERE sequence BETWEEN %s AND %s", (first, last))
            if erased:
                with suppress(psycopg.errors.QueryCanceled):  # then autovacuum wipes what was taken away
                    connection.execute("VACUUM freshline_payloads")

    def read(self, after: int, limit: int) -> list[Entry]:
        return self._entries("WHERE sequence > %s ORDER BY sequence LIMIT %s", (after, limit))

    def read_back(self, tenant: str, before: int | None, limit: int) -> list[Entry]:
        below, values = ("", ()) if before is None else ("AND sequence < %s ", (before,))
        return self._entries(f"WHERE {_TENANT} = %s {below}ORDER BY sequence DESC LIMIT %s", (tenant, *values, limit))

    def find(self, record_id: str | None = None, kind: Kind | None = None, limit: int = 1) -> list[Entry]:
        asked = [("id", record_id), ("kind", kind)]
        terms = " AND ".join(f"{column} = %s" for column, value in asked if value is not None)
        values = [value for _, value in asked if value is not None]
        where = f"WHERE {terms} " if terms else ""
        return self._entries(f"{where}ORDER BY sequence DESC LIMIT %s", (*values, limit))

    def rows_shown(self, revocation_ids: Collection[str]) -> int:
        asked = "SELECT DISTINCT sequence, rows FROM freshline_shown WHERE revocation_id = ANY(%s)"
        found = self._select(f"SELECT coalesce(sum(rows), 0) FROM ({asked}) AS answers", ([*revocation_ids],))
        return int(found[0][0])

    @contextmanager
    def lead(self, role: Role) -> Iterator[bool]:
        line = Line(self._connect)
        try:
            with line.open() as connection:
                asked = "SELECT pg_try_advisory_lock(%s, %s)"
                found = connection.execute(asked, (_LOCKS, crc32(role.encode()) >> 1)).fetchone()
            yield bool(found and found[0])
        finally:
            line.close()

    def close(self) -> None:
        self._writer.close()
        self._reader.close()

    def _entries(self, which: str, values: tuple[object, ...]) -> list[Entry]:
        return [
            Entry(sequence, envelope, bytes(seal), None if body is None else Payload(bytes(salt), body))
            for sequence, envelope, seal, salt, body in self._select(f"{_ENTRIES} {which}", values)
        ]

    def _select(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._reader.open() as connection:
            self._prepare(connection)
            return connection.execute(statement.encode(), values).fetchall()

    def _prepare(self, connection: Connection) -> None:
        """Make the tables where there are none; who only finds them needs no right to make any."""
        if self._ready:
            return
        found = connection.execute("SELECT to_regclass('freshline_log') IS NOT NULL").fetchone()
        if not (found and found[0]):
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s, 0)", (_LOCKS,))
                connection.execute(_TABLES)
        self._ready = True


def connecting(url: str, password_file: Path | None, name: str) -> Callable[[], Connection]:
    """How a `Line` gets its connection. `name`: as PostgreSQL tells its operators. The password is read each time."""

    def connect() -> Connection:
        return psycopg.connect(
            url,
            password=read_secret(password_file) or None,
            connect_timeout=LIMIT_S,
            options=f"-c statement_timeout={LIMIT_S * 1000}",
            autocommit=True,
            application_name=name,
        )

    return connect


class Line:
    """One connection, for one caller at a time; made anew after a failure."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._lock = Lock()
        self._connection: Connection | None = None

    @contextmanager
    def open(self) -> Iterator[Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                yield self._connection
            except psycopg.Error as error:
                self._drop()
                # Only the kind of failure: a message may quote what was being written.
                raise Unavailable(PART, f"PostgreSQL: {type(error).__name__} {error.sqlstate or ''}".rstrip()) from None
            except BaseException:
                self._drop()
                raise

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _insert(connection: Connection, entries: Collection[Entry]) -> None:
    payloads = [(e.sequence, e.payload.salt, e.payload.body) for e in entries if e.payload is not None]
    opened = [(entry.sequence, entry.opened()) for entry in entries]
    shown = [(hand, sequence, envelope.rows) for sequence, envelope in opened for hand in set(envelope.chain)]
    with connection.cursor() as cursor, connection.pipeline():
        cursor.executemany(
            "INSERT INTO freshline_log (sequence, envelope, seal) VALUES (%s, %s, %s)",
            [(entry.sequence, entry.envelope, entry.seal) for entry in entries],
        )
        if payloads:
            cursor.executemany("INSERT INTO freshline_payloads VALUES (%s, %s, %s)", payloads)
        if shown:
            cursor.executemany("INSERT INTO freshline_shown VALUES (%s, %s, %s)", shown)
