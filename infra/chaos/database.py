"""The source database as chaos uses it: connections that come back after a restart, and rows read back."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from infra.chaos.plans import Place
from infra.chaos.tables import COLUMNS, MEMBERS, SOURCE, TABLES, Table
from infra.chaos.timeline import Access, Holding, Membership
from infra.local.stack import Stack
from schemas.settings import read_secret

T = TypeVar("T")
Connection = psycopg.Connection[dict[str, Any]]
RETRY_S = 0.2


class Database:
    """One connection for one thread. What is not committed when the server goes is not committed: read it back."""

    def __init__(self, dsn: str, stopping: Event) -> None:
        self._dsn, self._stopping = dsn, stopping
        self._connection: Connection | None = None

    def connection(self) -> Connection:
        """A usable connection; raises psycopg.OperationalError while the server is away."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._dsn, row_factory=dict_row, autocommit=True, connect_timeout=5, prepare_threshold=None
            )
        return self._connection

    def until_done(self, do: Callable[[Connection], T]) -> T:
        """Do it, again while the server is away. Raises the last error once chaos is stopping for 60 s."""
        deadline: float | None = None
        while True:
            try:
                return do(self.connection())
            except psycopg.OperationalError:
                self.close()
                if self._stopping.is_set():
                    deadline = deadline or time.monotonic() + 60.0
                    if time.monotonic() > deadline:
                        raise
                time.sleep(RETRY_S)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def dsn_of(stack: Stack) -> str:
    """Where the stack's database is, with its password."""
    place = stack.endpoints()["postgres"]
    password = read_secret(Path(place["password_file"]))
    return make_conninfo(
        host=place["host"], port=place["port"], user=place["user"], dbname=place["database"], password=password
    )


def read_back(connection: Connection, places: Iterable[Place]) -> dict[Place, Holding | None]:
    """What these rows are, as committed. None: there is no such row."""
    by_table: dict[str, list[Place]] = {}
    for place in places:
        by_table.setdefault(place[0], []).append(place)
    found: dict[Place, Holding | None] = {}
    for name, wanted in by_table.items():
        key = KEYS[name]
        rows = {tuple(str(row[c]) for c in key): row for row in _select(connection, name, key, wanted)}
        for place in wanted:
            row = rows.get(tuple(map(str, place[1])))
            found[place] = None if row is None else _holding(name, row)
    return found


def all_rows(connection: Connection) -> Iterable[tuple[Table, dict[str, Any]]]:
    """Every row of every table of records, all columns that the contract uses."""
    for table in TABLES:
        columns = ", ".join(f'"{column}"' for column in (*table.key, *COLUMNS))
        for row in connection.execute(f'SELECT {columns} FROM {SOURCE}."{table.name}"'.encode()).fetchall():
            yield table, row


KEYS: Mapping[str, tuple[str, ...]] = {
    **{table.name: tuple(table.key) for table in TABLES},
    MEMBERS: ("team", "person"),
}


def _select(connection: Connection, name: str, key: tuple[str, ...], wanted: list[Place]) -> list[dict[str, Any]]:
    columns = ", ".join(f'"{column}"' for column in key)
    rest = "tenant" if name == MEMBERS else "tenant, owner, team, barred"
    one = "(" + " AND ".join(f'"{column}" = %s' for column in key) + ")"
    where = " OR ".join([one] * len(wanted))
    query = f'SELECT {columns}, {rest} FROM {SOURCE}."{name}" WHERE {where}'
    return connection.execute(query.encode(), [value for place in wanted for value in place[1]]).fetchall()


def _holding(name: str, row: Mapping[str, Any]) -> Holding:
    if name == MEMBERS:
        return Membership(row["tenant"])
    return Access(row["tenant"], row["owner"], row["team"], row["barred"])
