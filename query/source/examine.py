"""Whether a role reads under row-level security, and can read at all; if not, the statement that changes it."""

from typing import LiteralString

import psycopg
from psycopg import sql

from connectors.database import Connection
from connectors.rows.table import TableShape
from query.source.deadline import why
from query.source.identity import identity
from schemas.enforcement import AtSource
from schemas.errors import Misconfigured

LONGEST_MS = 5_000

_ROLE: LiteralString = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s"
_TABLE: LiteralString = """
SELECT c.relrowsecurity, pg_get_userbyid(c.relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s
"""


def examine_role(connection: Connection, role: str) -> None:
    """Raises Misconfigured unless the login may act as `role`, and the role is bound by row-level security."""
    found = connection.execute(_ROLE, [role]).fetchone()
    user = connection.info.user
    if found is None:
        raise _wrong(
            f"there is no role {role!r}", sql.SQL("CREATE ROLE {0} NOLOGIN NOBYPASSRLS; GRANT {0} TO {1}"), role, user
        )
    if found[0]:
        raise _wrong(
            f"the role {role!r} bypasses row-level security", sql.SQL("ALTER ROLE {} NOSUPERUSER NOBYPASSRLS"), role
        )
    try:
        with connection.transaction():
            connection.execute("SELECT set_config('role', %s, true)", [role])
    except psycopg.errors.InsufficientPrivilege:
        raise _wrong(f"{user} may not act as {role!r}", sql.SQL("GRANT {} TO {}"), role, user) from None


def examine_table(connection: Connection, at: AtSource, shape: TableShape) -> None:
    """Raises Misconfigured unless row-level security binds the role in this table, and it may read what we read."""
    schema, _, name = shape.name.partition(".")
    table = sql.Identifier(schema, name)
    enabled, owner = connection.execute(_TABLE, [schema, name]).fetchone() or (False, "")
    try:
        with connection.transaction():
            connection.execute(*identity(at, None, LONGEST_MS))
            active = connection.execute("SELECT row_security_active(%s::text)", [quoted(shape.name)]).fetchone()
            connection.execute(sql.SQL("SELECT {} FROM {} LIMIT 0").format(shape.texts(), shape.source()))
    except psycopg.errors.DataError:
        pass  # a policy that nobody in particular cannot pass; it may be read
    except psycopg.errors.InsufficientPrivilege as error:
        names = (sql.Identifier(schema), sql.SQL(", ").join(map(sql.Identifier, shape.used)), table)
        todo = sql.SQL("GRANT USAGE ON SCHEMA {0} TO {3}; GRANT SELECT ({1}) ON {2} TO {3}")
        raise Misconfigured(
            f"{at.role!r} may not read {shape.name}, or what its policies read ({why(error)}); run, or the like for "
            f"those: {todo.format(*names, sql.Identifier(at.role)).as_string()}"
        ) from None
    if active is not None and active[0]:
        return
    if not enabled:
        todo = sql.SQL("ALTER TABLE {0} ENABLE ROW LEVEL SECURITY; CREATE POLICY … ON {0} FOR SELECT TO {1} USING (…)")
        raise _wrong(f"{shape.name} has no row-level security", todo, table, at.role)
    what = f"row-level security of {shape.name} does not bind {at.role!r}, which owns it as {owner!r}"
    raise _wrong(what, sql.SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY"), table)


def quoted(table: str) -> str:
    """`schema.table` as SQL names it."""
    schema, _, name = table.partition(".")
    return sql.Identifier(schema, name).as_string()


def _wrong(what: str, todo: sql.SQL, *names: sql.Identifier | str) -> Misconfigured:
    parts = [name if isinstance(name, sql.Identifier) else sql.Identifier(name) for name in names]
    return Misconfigured(f"enforce: source is not possible: {what}; run: {todo.format(*parts).as_string()}")
