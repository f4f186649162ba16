"""Where webhooks are kept: SQLite under the home, or PostgreSQL where the decision log is. One SQL for both."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from schemas.errors import Unavailable
from schemas.settings import Settings

PART = "the webhook store"
FILE = Path("webhooks", "webhooks.db")
WAIT_S = 3
Rows = list[tuple[Any, ...]]
Values = Sequence[object]
TABLES = (
    """CREATE TABLE IF NOT EXISTS freshline_webhooks (
      id text PRIMARY KEY, tenant text NOT NULL, subject text NOT NULL, made_ms bigint NOT NULL, body text NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS freshline_webhooks_owner ON freshline_webhooks (tenant, subject)",
    """CREATE TABLE IF NOT EXISTS freshline_deliveries (
      id text PRIMARY KEY, webhook text NOT NULL, body text NOT NULL, state text NOT NULL, attempts bigint NOT NULL,
      made_ms bigint NOT NULL, due_ms bigint NOT NULL, error text NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS freshline_deliveries_due ON freshline_deliveries (state, due_ms)",
    "CREATE INDEX IF NOT EXISTS freshline_deliveries_of ON freshline_deliveries (webhook, state)",
)


class Database(Protocol):
    """Thread-safe. Each call is one transaction, durable when it returns; raises Unavailable."""

    def run(self, statement: str, values: Values = ()) -> Rows:
        """The rows that a statement gives. `?` stands for a value."""

    def run_many(self, statement: str, values: Sequence[Values]) -> None:
        """The same statement for each of the values, all or nothing."""


class SqliteDatabase:
    """A `Database`, for any number of processes on one machine."""

    def __init__(self, file: Path) -> None:
        self._lock = Lock()
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.touch(mode=0o600)
            self._connection = sqlite3.connect(file, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
            for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", *TABLES):
                self._connection.execute(statement)
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(PART, f"{file}: {error}") from None

    def run(self, statement: str, values: Values = ()) -> Rows:
        with self._lock:
            try:
                return self._connection.execute(statement, tuple(values)).fetchall()
            except sqlite3.Error as error:
                raise Unavailable(PART, f"SQLite: {error}") from None

    def run_many(self, statement: str, values: Sequence[Values]) -> None:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(statement, [tuple(each) for each in values])
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise Unavailable(PART, f"SQLite: {error}") from None

    def close(self) -> None:
        with self._lock:
            self._connection.close()


class PostgresDatabase:
    """A `Database`, for any number of machines. PostgreSQL may be away, at first or later."""

    def __init__(self, url: str, password_file: Path | None) -> None:
        from query.decisions.postgres import Line, connecting

        self._line = Line(connecting(url, password_file, "freshline webhooks"))
        self._ready = False

    def run(self, statement: str, values: Values = ()) -> Rows:
        with self._line.open() as connection:
            self._prepare(connection)
            cursor = connection.execute(_percent(statement), values)
            return cursor.fetchall() if cursor.description else []

    def run_many(self, statement: str, values: Sequence[Values]) -> None:
        with self._line.open() as connection:
            self._prepare(connection)
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(_percent(statement), values)

    def close(self) -> None:
        self._line.close()

    def _prepare(self, connection: Any) -> None:
        if not self._ready:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(hashtext('freshline webhooks'))")
                for statement in TABLES:
                    connection.execute(statement)
            self._ready = True


def open_database(settings: Settings) -> Database:
    """By the same setting as the decision log. Raises Unavailable."""
    if settings.decisions_url:
        return PostgresDatabase(settings.decisions_url, settings.decisions_password_file)
    return SqliteDatabase(settings.home / FILE)


def _percent(statement: str) -> bytes:
    return statement.replace("?", "%s").encode()
