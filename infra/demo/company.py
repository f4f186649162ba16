"""A company's worth of sample data: two tenants, three source schemas in one PostgreSQL database, 1,800 rows.

`make_company` generates everything in memory, `seed` puts it into a database, `restore_story` undoes what the
demo changed. The same seed gives the same keys and texts on any day; only times are relative to `now`.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from infra.demo.company_crm import make_crm
from infra.demo.company_helpdesk import make_helpdesk
from infra.demo.company_people import Person, make_staff
from infra.demo.company_rows import Making, Row, Rows
from infra.demo.company_story import Story, tell_story
from infra.demo.company_wiki import make_wiki

SCHEMA_FILE = Path(__file__).parent / "schema.sql"
SCHEMAS = ("helpdesk", "crm", "wiki")
DEFAULT_SEED = 7
LOCK_NUMBER = 4_706_511  # any number nobody else locks: two seeds at once take turns
PARENTS_FIRST = (
    *("helpdesk.teams", "helpdesk.members", "helpdesk.tickets", "helpdesk.comments"),
    *("crm.accounts", "crm.contacts", "crm.notes"),
    *("wiki.folders", "wiki.folder_permissions", "wiki.pages"),
)
Report = Callable[[str], None]


def _silent(_line: str) -> None:
    """Reports nothing."""


@dataclass(frozen=True)
class Company:
    """People by handle, the story, and every row as it was generated (not as it may have become since)."""

    people: Mapping[str, Person]
    story: Story
    rows: Rows

    @property
    def counts(self) -> dict[str, int]:
        """Table -> number of generated rows."""
        return {table: len(rows) for table, rows in self.rows.items()}


def make_company(now: datetime, seed: int = DEFAULT_SEED) -> Company:
    """Generates the company in about 0.1 s, touching nothing. Raises ValueError if `now` has no time zone."""
    if now.tzinfo is None:
        raise ValueError("now has no time zone: pass an aware time, for example datetime.now(UTC)")
    making = Making(now, seed, make_staff(seed))
    ticket_ids = make_helpdesk(making)
    make_crm(making)
    make_wiki(making)
    return Company(
        people={person.handle: person for person in making.staff.people},
        story=tell_story(making.staff, ticket_ids),
        rows={table: making.rows[table] for table in PARENTS_FIRST},
    )


def seed(
    database: str | psycopg.Connection,
    now: datetime,
    seed: int = DEFAULT_SEED,
    *,
    reset: bool = False,
    report: Report = _silent,
) -> Company:
    """Fills the database (a connection string or an open connection) in one transaction.

    Does nothing if these very rows were loaded before, even if they were changed since; `reset` loads them
    again. Loading truncates first, so running connectors see it. Only after a change of schema.sql are the
    schemas dropped, and then the connectors' publications lose their tables: apply the sources again.
    Raises psycopg.Error, having changed nothing.
    """
    company = make_company(now, seed)
    schema, rows = fingerprints(seed)
    with _connected(database) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_NUMBER])
        loaded = _loaded(connection)
        if loaded == (schema, rows) and not reset:
            report(f"sample company is there: {sum(company.counts.values()):,} rows")
            return company
        if loaded is not None and loaded[0] != schema:
            connection.execute(_for_schemas("DROP SCHEMA IF EXISTS {} CASCADE"))
        connection.execute(SCHEMA_FILE.read_bytes())
        _load(connection, company.rows, report)
        connection.execute("TRUNCATE demo.loaded")
        connection.execute("INSERT INTO demo.loaded VALUES (%s, %s)", [schema, rows])
    return company


def restore_story(database: str | psycopg.Connection, company: Company) -> int:
    """Puts the story's tickets, their comments and the membership back; gives the number of rows written.

    Rows that still have their first text, and are at most a day older than in `company`, are left alone: a
    connector sees only what really changed, and the story never grows too old to be found.
    """
    rows, leave = company.rows, company.story.leave_team
    tickets = {record.key["id"] for record in company.story.tickets}
    team = [row for row in rows["helpdesk.members"] if row["team_id"] == leave.team_id]
    wanted: Rows = {
        "helpdesk.members": [row for row in team if row["user_email"] == leave.member_email],
        "helpdesk.tickets": [row for row in rows["helpdesk.tickets"] if row["id"] in tickets],
        "helpdesk.comments": [row for row in rows["helpdesk.comments"] if row["ticket_id"] in tickets],
    }
    with _connected(database) as connection, connection.transaction():
        return sum(_put_back(connection, table, row) for table, rows in wanted.items() for row in rows)


def write_people(company: Company, path: Path) -> None:
    """Writes `{handle: {"sub": e-mail, "tenant": tenant}}` as JSON, sorted; nothing in it is secret."""
    identities = {handle: {"sub": who.email, "tenant": who.tenant} for handle, who in company.people.items()}
    path.write_text(json.dumps(identities, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def fingerprints(seed: int) -> tuple[str, str]:
    """Hashes of schema.sql and of every row of this seed; the second does not depend on the day."""
    rows = make_company(datetime(2026, 1, 1, tzinfo=UTC), seed).rows
    content = json.dumps(rows, default=str, sort_keys=True).encode()
    return hashlib.sha256(SCHEMA_FILE.read_bytes()).hexdigest(), hashlib.sha256(content).hexdigest()


@contextmanager
def _connected(database: str | psycopg.Connection) -> Iterator[psycopg.Connection]:
    if isinstance(database, psycopg.Connection):
        yield database
    else:
        with psycopg.connect(database) as connection:
            yield connection


def _loaded(connection: psycopg.Connection) -> tuple[str, str] | None:
    found = connection.execute("SELECT to_regclass('demo.loaded')").fetchone()
    if found is None or found[0] is None:
        return None
    marker = connection.execute("SELECT schema_hash, rows_hash FROM demo.loaded").fetchone()
    return (marker[0], marker[1]) if marker else None


def _load(connection: psycopg.Connection, rows: Rows, report: Report) -> None:
    connection.execute(_for_tables("TRUNCATE {} RESTART IDENTITY", list(rows)))
    for table, table_rows in rows.items():
        names = list(table_rows[0])
        copy = sql.SQL("COPY {} ({}) FROM STDIN").format(_table(table), _columns(names))
        with connection.cursor() as cursor, cursor.copy(copy) as target:
            for row in table_rows:
                target.write_row([row[name] for name in names])
        if "id" in names:
            highest = sql.SQL("SELECT setval(pg_get_serial_sequence(%s, 'id'), max(id)) FROM {}")
            connection.execute(highest.format(_table(table)), [table])
        report(f"{table}: {len(table_rows):,} rows")


def _put_back(connection: psycopg.Connection, table: str, row: Row) -> int:
    kept = [name for name in row if not name.endswith("_at")]
    query = sql.SQL(
        "INSERT INTO {table} AS old ({names}) VALUES ({values})"
        " ON CONFLICT ({key}) DO UPDATE SET ({names}) = ROW({new})"
        " WHERE ({old_kept}) IS DISTINCT FROM ({new_kept})"
        " OR old.created_at < excluded.created_at - interval '1 day'"
    ).format(
        table=_table(table),
        names=_columns(row),
        values=sql.SQL(", ").join(sql.Placeholder() for _ in row),
        key=_columns(["id"] if "id" in row else ["team_id", "user_email"]),
        new=sql.SQL(", ").join(sql.Identifier("excluded", name) for name in row),
        old_kept=sql.SQL(", ").join(sql.Identifier("old", name) for name in kept),
        new_kept=sql.SQL(", ").join(sql.Identifier("excluded", name) for name in kept),
    )
    return connection.execute(query, list(row.values())).rowcount


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))


def _columns(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)


def _for_tables(statement: LiteralString, tables: list[str]) -> sql.Composed:
    return sql.SQL(statement).format(sql.SQL(", ").join(_table(table) for table in tables))


def _for_schemas(statement: LiteralString) -> sql.Composed:
    return sql.SQL(statement).format(sql.SQL(", ").join(sql.Identifier(schema) for schema in SCHEMAS))
