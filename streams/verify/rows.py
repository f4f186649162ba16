"""The source's rows, as text that PostgreSQL wrote: streamed by key, looked up by key, or locked for a repair."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import psycopg
from psycopg import sql

from connectors.database import Connection
from connectors.rows.table import TableShape, in_session
from connectors.rows.values import Value
from schemas.errors import Misconfigured, Unavailable
from schemas.position import Position, of_source

PAGE = 500
"""Rows in memory at once."""


@dataclass(frozen=True, slots=True)
class DbRow:
    """A row: its key, its columns, and which of its versions this is. `commit_ms`: when it was committed, if known."""

    key: tuple[str, ...]
    values: Mapping[str, Value]
    version: str
    commit_ms: int | None


class TableRows:
    """One table of a source. Every method raises Unavailable("PostgreSQL") when the database is away."""

    def __init__(self, connection: Connection, table: str, key: Sequence[str], columns: Sequence[str]) -> None:
        """`kinds` are those of all columns, `used` those of the key and of `columns`.

        Raises Misconfigured where the table or a key column is not there. Other columns may be missing.
        """
        self._connection = connection
        in_session(connection)
        self._shape = TableShape.learn(connection, table, key, columns)
        self.table, self.key = table, self._shape.key
        self.kinds, self.used = self._shape.kinds, self._shape.used
        version = sql.SQL(
            "t.xmin::text, CASE WHEN current_setting('track_commit_timestamp')::bool THEN "
            "floor(extract(epoch FROM pg_xact_commit_timestamp(t.xmin)) * 1000)::bigint END"
        )
        self._select = sql.SQL("SELECT {}, {} FROM {}").format(version, self._shape.texts(), self._shape.source())

    def stream(self) -> Iterator[list[DbRow]]:
        """All rows as of one moment, in key order, a page at a time; a server-side cursor, so no more in memory."""
        order = sql.SQL(" ORDER BY {}").format(self._shape.names())
        with self._connection.transaction():
            self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            with self._connection.cursor(name="freshline_verify") as cursor:
                cursor.execute(self._select + order)
                while page := cursor.fetchmany(PAGE):
                    yield [self._row(row) for row in page]

    def read(self, keys: Sequence[tuple[str, ...]]) -> list[DbRow]:
        """The rows there are now of these keys (their columns as text). A key that no row can have is no row."""
        try:
            return self._among(self._connection, keys, sql.SQL(""))
        except psycopg.errors.DataError:
            return [] if len(keys) == 1 else [row for key in keys for row in self.read([key])]

    @contextmanager
    def locked(
        self, keys: Sequence[tuple[str, ...]], beat: Callable[[], None]
    ) -> Iterator[tuple[list[DbRow], Position]]:
        """Those of the rows that nobody is changing, and a position that is right for them as they are.

        While the context lasts nobody can change these rows. The position is the end of the log, read after them: so
        every change that is in what was read was written, and committed, before it. Then `beat` commits something that
        the connector streams. So every later change of these rows is written after that end, and streamed after a
        commit that is beyond it: whichever of the two comes first in a position, it is higher than ours.

        Never waits for others' locks, so it is never part of a deadlock. Raises Misconfigured where the user may not
        lock (FOR SHARE needs UPDATE on at least one column), Unavailable where the database is a standby.
        """
        try:
            with self._connection.transaction():
                self._connection.execute("SET TRANSACTION READ WRITE")
                rows = self._among(self._connection, keys, sql.SQL(" FOR SHARE OF t SKIP LOCKED"))
                position = log_end(self._connection)
                beat()
                yield rows, position
        except psycopg.errors.InsufficientPrivilege:
            user = self._connection.info.user
            raise Misconfigured(
                f"to repair rows of {self.table}, {user} must lock them, which changes nothing but needs the privilege "
                f"UPDATE on one column: GRANT UPDATE ({self.key[0]}) ON {self.table} TO {user}"
            ) from None
        except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.ObjectNotInPrerequisiteState) as error:
            raise Unavailable("PostgreSQL", f"repair needs the primary, this one is read-only: {error}") from None

    def _among(self, connection: Connection, keys: Sequence[tuple[str, ...]], lock: sql.SQL) -> list[DbRow]:
        if not keys:
            return []
        among, values = self._shape.among(keys)
        asked = self._select + sql.SQL(" WHERE {}{}").format(among, lock)
        return [self._row(row) for row in connection.execute(asked, values).fetchall()]

    def _row(self, row: Sequence[object]) -> DbRow:
        version, commit_ms, *values = row
        named = self._shape.named(values)
        key = tuple(str(named[column]) for column in self.key)
        return DbRow(key, named, str(version), cast(int | None, commit_ms))


def log_end(connection: Connection) -> Position:
    """The end of the source's log now. What was committed before has a lower position."""
    row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    return of_source({"connector": "postgresql", "lsn": int(row[0] if row else 0)}, None)


def beat(connection: Connection, prefix: str) -> None:
    """Commit a logical message that the connector streams, as its heartbeat query does."""
    connection.execute("SELECT pg_logical_emit_message(true, %s, '')", [prefix])
