"""Reads rows of a PostgreSQL source as the asker sees them: one short read-only transaction under a role of its own."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from connectors.database import Connection
from connectors.rows.table import TableShape, in_session, key_within
from connectors.rows.unsure import Unsure
from query.asker import Asker
from query.source.deadline import cut_off, left, why
from query.source.examine import examine_role, examine_table, quoted
from query.source.identity import identity
from query.source.port import SourceRow, Wanted
from schemas.change import record_id
from schemas.contract import Contract
from schemas.errors import Misconfigured, Unavailable

MOST_CONNECTIONS = 8
"""As many as the API has threads."""
KNOWN_S = 60.0
"""For so long a table is believed to have the columns that it had."""
RETRY_S = 2.0

logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # it tells of each question, and of each try to connect


@dataclass(frozen=True, slots=True)
class _Known:
    shape: TableShape
    until: float


class PostgresReader:
    """See SourceReader. `connect` tells what to connect with, each time; it may raise Misconfigured."""

    def __init__(self, contract: Contract, connect: Callable[[], Mapping[str, Any]]) -> None:
        assert contract.at_source is not None
        self._at, self._source, self._tables = contract.at_source, contract.source, contract.enforced()
        self._part = f"the database of {contract.source}"
        self._connect = connect
        self._known: dict[str, _Known] = {}
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            kwargs=self._pooled,
            min_size=1,
            max_size=MOST_CONNECTIONS,
            configure=_prepare,
            reconnect_timeout=RETRY_S,
            num_workers=1,
            name=contract.source,
            open=False,
        )

    def examine(self) -> None:
        try:
            with psycopg.connect(**self._options()) as connection:
                in_session(connection)
                for table in self._tables:
                    self._learn(connection, table)
        except psycopg.Error as error:
            raise Unavailable(self._part, why(error)) from None

    def read(self, asker: Asker, wanted: Wanted, deadline: float) -> dict[str, SourceRow]:
        for _ in range(MOST_CONNECTIONS):
            connection = self._connection(deadline)
            try:
                with cut_off(connection, deadline):
                    return self._read_each(connection, asker, wanted, deadline)
            except psycopg.errors.QueryCanceled:
                raise Unavailable(self._part, "it did not answer in time") from None
            except psycopg.Error as error:
                self._known.clear()
                if not connection.closed:
                    raise Unavailable(self._part, why(error)) from None
                left(deadline, self._part)  # one that had broken since it was used last: take the next
            finally:
                self._pool.putconn(connection)
        raise Unavailable(self._part, "each connection to it broke")

    def close(self) -> None:
        self._pool.close(timeout=0)

    def _options(self) -> dict[str, Any]:
        return {
            **self._connect(),
            "connect_timeout": 2,
            "autocommit": True,
            "application_name": "freshline",
            "prepare_threshold": None,
        }

    def _pooled(self) -> dict[str, Any]:
        """For the pool's own thread, which understands PostgreSQL's errors only."""
        try:
            return self._options()
        except Misconfigured as error:
            raise psycopg.OperationalError(str(error)) from None

    def _connection(self, deadline: float) -> Connection:
        try:
            self._pool.open()
            return self._pool.getconn(left(deadline, self._part))
        except (PoolTimeout, PoolClosed, psycopg.OperationalError):
            raise Unavailable(self._part, "there was no connection in time") from None

    def _read_each(self, connection: Connection, asker: Asker, wanted: Wanted, deadline: float) -> dict[str, SourceRow]:
        """As `_read`; where some key is none that the table's type can hold, record by record."""
        try:
            return self._read(connection, asker, wanted, deadline)
        except psycopg.errors.DataError:
            each = [(table, name) for table, names in wanted.items() for name in names]
            if len(each) <= 1:
                return {}
            alone = [self._read_each(connection, asker, {table: [name]}, deadline) for table, name in each]
            return {name: row for rows in alone for name, row in rows.items()}

    def _read(self, connection: Connection, asker: Asker, wanted: Wanted, deadline: float) -> dict[str, SourceRow]:
        shapes = {table: self._shape(connection, table) for table in wanted or list(self._tables)[:1]}
        as_asker = identity(self._at, asker, round(left(deadline, self._part) * 1000) or 1)
        with connection.pipeline(), connection.transaction():
            connection.execute(*as_asker)
            cursors = [connection.execute(*self._asked(shapes[table], wanted.get(table, ()))) for table in shapes]
        found = zip(shapes.values(), cursors, strict=True)
        return {
            name: row for shape, cursor in found for texts in cursor.fetchall() for name, row in self._row(shape, texts)
        }

    def _asked(self, shape: TableShape, names: Collection[str]) -> tuple[sql.Composed, list[Any]]:
        """Row security that has been switched off, or no longer binds the role, shows nothing instead of everything."""
        keys = [key for name in names if (key := key_within(name, shape.key, shape.used)) is not None]
        among, values = shape.among(keys)
        asked = sql.SQL("SELECT {} FROM {} WHERE {} AND row_security_active(%s::text)").format(
            shape.texts(), shape.source(), among
        )
        return asked, [*values, quoted(shape.name)]

    def _row(self, shape: TableShape, texts: Sequence[Any]) -> list[tuple[str, SourceRow]]:
        """Nothing for a row of which it is not sure what Debezium would send: it cannot be compared."""
        try:
            row = shape.row(shape.named(texts))
            return [(record_id(self._source, shape.name, row, list(shape.key)), row)]
        except (Unsure, KeyError):
            return []

    def _shape(self, connection: Connection, table: str) -> TableShape:
        known = self._known.get(table)
        return known.shape if known is not None and monotonic() < known.until else self._learn(connection, table)

    def _learn(self, connection: Connection, table: str) -> TableShape:
        if (rules := self._tables.get(table)) is None:
            raise Misconfigured(f"{table} is none of the tables of {self._source} that are enforced at the source")
        examine_role(connection, self._at.role)
        shape = TableShape.learn(connection, table, rules.key, rules.columns() - set(rules.mask))
        examine_table(connection, self._at, shape)
        self._known[table] = _Known(shape, monotonic() + KNOWN_S)
        return shape


def _prepare(connection: Connection) -> None:
    in_session(connection)
    connection.read_only = True
