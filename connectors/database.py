"""What a source database really holds: tables, columns, keys, and whether it can be captured."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from connectors.replica_identity import Table, untold
from schemas.errors import Unavailable
from schemas.settings import Settings, read_secret

Connection = psycopg.Connection[tuple[Any, ...]]

EXACT_BELOW_BYTES = 64_000_000
"""Rows of a smaller table are counted; of a larger one PostgreSQL's own estimate is taken."""


@contextmanager
def connected(settings: Settings, writing: bool = False) -> Iterator[Connection]:
    """A connection whose every statement ends within the request timeout; read-only unless `writing`.

    Raises Unavailable("PostgreSQL") when the database is away, also in the middle; never shows the password.
    """
    limit = settings.request_timeout
    read_only = "off" if writing else "on"
    try:
        with psycopg.connect(
            host=settings.pg_host,
            port=settings.pg_port,
            user=settings.pg_user,
            dbname=settings.pg_database,
            password=read_secret(settings.pg_password_file) or None,
            connect_timeout=max(2, int(limit)),
            options=f"-c statement_timeout={int(limit * 1000)} -c default_transaction_read_only={read_only}",
            autocommit=True,
            application_name="freshline",
        ) as connection:
            yield connection
    except psycopg.Error as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable("PostgreSQL", reason) from None


_COLUMNS: LiteralString = """
WITH RECURSIVE found AS (
  SELECT c.oid AS place, n.nspname || '.' || c.relname AS name, c.relkind, a.attnum, a.attname, a.attnotnull,
         format_type(a.atttypid, NULL) AS written, a.atttypid AS type
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   WHERE c.relkind IN ('r', 'p') AND n.nspname || '.' || c.relname = ANY(%s)
  UNION ALL
  SELECT f.place, f.name, f.relkind, f.attnum, f.attname, f.attnotnull OR t.typnotnull, f.written, t.typbasetype
    FROM found f JOIN pg_type t ON t.oid = f.type AND t.typtype = 'd'
)
SELECT f.name, f.relkind = 'p', f.attname, f.written, f.attnotnull, coalesce(e.typname, t.typname), e.oid IS NOT NULL,
       t.typstorage <> 'p', array_position((i.indkey::int2[])[:i.indnkeyatts - 1], f.attnum)
  FROM found f JOIN pg_type t ON t.oid = f.type AND t.typtype <> 'd'
  LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
  LEFT JOIN pg_index i ON i.indrelid = f.place AND i.indisprimary
 ORDER BY f.name, f.attnum
"""
_IDENTITIES: LiteralString = """
SELECT n.nspname || '.' || c.relname, format('%%I.%%I', pn.nspname, p.relname),
       CASE WHEN p.relreplident = 'i' AND (used.indkey::int2[])[:used.indnkeyatts - 1]
                 @> (own.indkey::int2[])[:own.indnkeyatts - 1] THEN 'd' ELSE p.relreplident END
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_class p ON p.oid = c.oid OR (c.relkind = 'p' AND p.oid IN (SELECT relid FROM pg_partition_tree(c.oid)))
  JOIN pg_namespace pn ON pn.oid = p.relnamespace
  LEFT JOIN pg_index used ON used.indrelid = p.oid AND used.indisreplident
  LEFT JOIN pg_index own ON own.indrelid = p.oid AND own.indisprimary
 WHERE c.relkind IN ('r', 'p') AND n.nspname || '.' || c.relname = ANY(%s)
 ORDER BY 1, p.oid <> c.oid, 2
"""


def tables(connection: Connection, names: Iterable[str]) -> dict[str, Table]:
    """The tables (`schema.table`) that exist, as they are now; those that do not are left out."""
    wanted = list(names)
    found: dict[str, list[tuple[Any, ...]]] = {}
    for name, *column in connection.execute(_COLUMNS, [wanted]).fetchall():
        found.setdefault(name, []).append(tuple(column))
    identities: dict[str, dict[str, str]] = {}
    for name, place, identity in connection.execute(_IDENTITIES, [wanted]).fetchall():
        identities.setdefault(name, {})[place] = identity
    return {name: _table(rows, identities.get(name, {})) for name, rows in found.items()}


def _table(rows: list[tuple[Any, ...]], identities: dict[str, str]) -> Table:
    columns, places, hidden, required = dict[str, str](), dict[int, str](), set[str](), set[str]()
    for _, column, written, not_null, base, array, large, place in rows:
        columns[column] = written
        places |= {} if place is None else {place: column}
        hidden |= {column} if untold(base, array, large) else set()
        required |= {column} if not_null else set()
    key = tuple(column for _, column in sorted(places.items()))
    return Table(columns, key, identities, rows[0][0], frozenset(hidden), frozenset(required))


def publications_by_leaf(connection: Connection, names: Iterable[str]) -> set[str]:
    """Those of the publications that send the rows of a partition under its own name."""
    asked = "SELECT pubname FROM pg_publication WHERE pubname = ANY(%s) AND NOT pubviaroot"
    return {name for (name,) in connection.execute(asked, [list(names)]).fetchall()}


def table_names(connection: Connection) -> list[str]:
    """Every table (`schema.table`) that is not PostgreSQL's own."""
    rows = connection.execute(
        """
        SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
         ORDER BY 1
        """
    ).fetchall()
    return [name for (name,) in rows]


def row_counts(connection: Connection, tables: Iterable[str]) -> dict[str, int]:
    """How many rows each existing table has: exact for small ones, an estimate for large ones."""
    rows = connection.execute(
        """
        SELECT n.nspname, c.relname, c.reltuples::bigint, pg_relation_size(c.oid)
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND n.nspname || '.' || c.relname = ANY(%s)
        """,
        [list(tables)],
    ).fetchall()
    counts: dict[str, int] = {}
    for schema, table, estimate, size in rows:
        if size < EXACT_BELOW_BYTES or estimate < 0:
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
            estimate = (connection.execute(query).fetchone() or (0,))[0]
        counts[f"{schema}.{table}"] = int(estimate)
    return counts


def wal_level(connection: Connection) -> str:
    """PostgreSQL's wal_level; changes can be captured when it is `logical`."""
    return str((connection.execute("SHOW wal_level").fetchone() or ("",))[0])
