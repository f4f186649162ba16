"""The source's rows, as text that PostgreSQL wrote: streamed by key, looked up by key, or locked for a repair."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString, cast

import psycopg
from psycopg import sql

from connectors.database import Connection
from schemas.errors import Misconfigured, Unavailable
from schemas.position import Position, of_source
from streams.verify.values import SESSION, Kind, Value

PAGE = 500
"""Rows in memory at once."""

_KINDS: LiteralString = """
WITH RECURSIVE found AS (
  SELECT a.attnum, a.attname, a.atttypid AS type, a.atttypmod AS modifier, format_type(a.atttypid, -1) AS written
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT f.attnum, f.attname, t.typbasetype, CASE WHEN t.typtypmod = -1 THEN f.modifier ELSE t.typtypmod END, f.written
    FROM found f JOIN pg_type t ON t.oid = f.type AND t.typtype = 'd'
)
SELECT f.attname, f.written, f.modifier, coalesce(e.typname, t.typname), coalesce(e.typtype, t.typtype),
       e.oid IS NOT NULL
  FROM found f JOIN pg_type t ON t.oid = f.type
  LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
 WHERE t.typtype <> 'd' ORDER BY f.attnum
"""


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
        self.table = table
        self.key = tuple(key)
        for name, value in SESSION.items():
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        schema, _, name = table.partition(".")
        found = connection.execute(_KINDS, [schema, name]).fetchall()
        self.kinds = {
            column: Kind(kind, mod, array, type_ == "e", array and type_ == "d")
            for column, _, mod, kind, type_, array in found
        }
        self._written = {row[0]: row[1] for row in found}
        if missing := [column for column in key if column not in self.kinds]:
            raise Misconfigured(f"the database has no table {table} with the key columns {', '.join(missing)}")
        self.used = {column: kind for column, kind in self.kinds.items() if column in {*key, *columns}}
        self._select = self._selected(sql.Identifier(schema, name))

    def stream(self) -> Iterator[list[DbRow]]:
        """All rows as of one moment, in key order, a page at a time; a server-side cursor, so no more in memory."""
        order = sql.SQL(" ORDER BY {}").format(_names(self.key))
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
        names = [sql.Identifier(f"k{n}") for n in range(len(self.key))]
        casts = [
            sql.SQL("{}::{}").format(name, sql.SQL(cast(LiteralString, self._written[column])))
            for name, column in zip(names, self.key, strict=True)
        ]
        where = sql.SQL(" WHERE ({}) IN (SELECT {} FROM unnest({}) AS k({}))").format(
            _names(self.key),
            *(sql.SQL(", ").join(part) for part in (casts, [sql.SQL("%s::text[]")] * len(names), names)),
        )
        columns = [list(column) for column in zip(*keys, strict=True)]
        return [self._row(row) for row in connection.execute(self._select + where + lock, columns).fetchall()]

    def _selected(self, table: sql.Identifier) -> sql.Composed:
        """Each value by its type's own output, null as null; an array's elements as such."""
        version = sql.SQL(
            "t.xmin::text, CASE WHEN current_setting('track_commit_timestamp')::bool THEN "
            "floor(extract(epoch FROM pg_xact_commit_timestamp(t.xmin)) * 1000)::bigint END"
        )
        texts = [
            sql.SQL("CASE WHEN {0} IS NOT NULL THEN concat({0}){1} END").format(
                sql.Identifier("t", column), sql.SQL("::text[]" if self.kinds[column].array else "")
            )
            for column in self.used
        ]
        return sql.SQL("SELECT {}, {} FROM {} AS t").format(version, sql.SQL(", ").join(texts), table)

    def _row(self, row: Sequence[object]) -> DbRow:
        version, commit_ms, *values = row
        named = dict(zip(self.used, cast(list[Value], values), strict=True))
        key = tuple(str(named[column]) for column in self.key)
        return DbRow(key, named, str(version), cast(int | None, commit_ms))


def log_end(connection: Connection) -> Position:
    """The end of the source's log now. What was committed before has a lower position."""
    row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    return of_source({"connector": "postgresql", "lsn": int(row[0] if row else 0)}, None)


def beat(connection: Connection, prefix: str) -> None:
    """Commit a logical message that the connector streams, as its heartbeat query does."""
    connection.execute("SELECT pg_logical_emit_message(true, %s, '')", [prefix])


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier("t", column) for column in columns)
