"""What a source database really holds: tables, columns, keys, and whether it can be captured."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from schemas.errors import Unavailable
from schemas.settings import Settings, read_secret

Connection = psycopg.Connection[tuple[Any, ...]]

EXACT_BELOW_BYTES = 64_000_000
"""Rows of a smaller table are counted; of a larger one PostgreSQL's own estimate is taken."""


@dataclass(frozen=True)
class Table:
    """`columns` maps name to PostgreSQL's type. `primary_key` is in the key's order, empty if there is none.

    `replica_identity` is as in pg_class: d(efault), f(ull), i(ndex), n(othing).
    """

    columns: dict[str, str]
    primary_key: tuple[str, ...]
    replica_identity: str


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


def columns(connection: Connection, tables: Iterable[str]) -> dict[str, Table]:
    """The tables (`schema.table`) that exist, as they are now; those that do not are left out."""
    rows = connection.execute(
        """
        SELECT n.nspname || '.' || c.relname, c.relreplident, a.attname, format_type(a.atttypid, NULL),
               array_position(i.indkey::int2[], a.attnum)
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
         WHERE c.relkind IN ('r', 'p') AND n.nspname || '.' || c.relname = ANY(%s)
         ORDER BY 1, a.attnum
        """,
        [list(tables)],
    ).fetchall()
    found: dict[str, Table] = {}
    places: dict[str, dict[int, str]] = {}
    for name, identity, column, kind, place in rows:
        found.setdefault(name, Table({}, (), identity)).columns[column] = kind
        if place is not None:
            places.setdefault(name, {})[place] = column
    return {
        name: Table(table.columns, tuple(c for _, c in sorted(places.get(name, {}).items())), table.replica_identity)
        for name, table in found.items()
    }


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
