"""One table of a PostgreSQL source: how its rows are selected by key, and read as Debezium would send them."""

from base64 import b64decode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, Self, cast
from urllib.parse import unquote

from psycopg import sql

from connectors.database import Connection
from connectors.rows.unsure import Unsure
from connectors.rows.values import SESSION, Kind, Value, to_json
from schemas.errors import Misconfigured

Key = tuple[str, ...]
"""A row's key: its columns as text that PostgreSQL reads, in the contract's order."""

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


def in_session(connection: Connection) -> None:
    """Make the session write values as `to_json` reads them."""
    for name, value in SESSION.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table as the database has it now: the kinds of all its columns, and of those that are read (`used`).

    `written` is a column's type as SQL names it.
    """

    name: str
    key: tuple[str, ...]
    kinds: Mapping[str, Kind]
    used: Mapping[str, Kind]
    written: Mapping[str, str]

    @classmethod
    def learn(cls, connection: Connection, name: str, key: Sequence[str], columns: Collection[str]) -> Self:
        """Ask the database. Columns that it has not are left out; raises Misconfigured where one of the key is."""
        schema, _, table = name.partition(".")
        found = connection.execute(_KINDS, [schema, table]).fetchall()
        kinds = {
            column: Kind(kind, mod, array, type_ == "e", array and type_ == "d")
            for column, _, mod, kind, type_, array in found
        }
        if missing := [column for column in key if column not in kinds]:
            raise Misconfigured(f"the database has no table {name} with the key columns {', '.join(missing)}")
        used = {column: kind for column, kind in kinds.items() if column in {*key, *columns}}
        return cls(name, tuple(key), kinds, used, {row[0]: row[1] for row in found})

    def texts(self) -> sql.Composed:
        """The used columns, each by its type's own output, null as null; an array's elements as such."""
        return sql.SQL(", ").join(
            sql.SQL("CASE WHEN {0} IS NOT NULL THEN concat({0}){1} END").format(
                sql.Identifier("t", column), sql.SQL("::text[]" if self.kinds[column].array else "")
            )
            for column in self.used
        )

    def source(self) -> sql.Composed:
        """The table, as `t`."""
        schema, _, table = self.name.partition(".")
        return sql.SQL("{} AS t").format(sql.Identifier(schema, table))

    def names(self) -> sql.Composed:
        """The key columns."""
        return sql.SQL(", ").join(sql.Identifier("t", column) for column in self.key)

    def among(self, keys: Sequence[Key]) -> tuple[sql.Composable, list[str]]:
        """A condition: the key is one of these; and its parameters. Each value stands for itself, so that the index
        of the key is used also beneath row-level security, whose cost a join would have PostgreSQL misjudge."""
        if not keys:
            return sql.SQL("false"), []
        values = sql.SQL(", ").join(sql.SQL("%s::{}").format(sql.SQL(self.written[column])) for column in self.key)
        each = sql.SQL(", ").join([sql.SQL("({})").format(values)] * len(keys))
        return sql.SQL("({}) IN ({})").format(self.names(), each), [text for key in keys for text in key]

    def named(self, texts: Iterable[object]) -> dict[str, Value]:
        """What `texts` selected, by column."""
        return dict(zip(self.used, cast(list[Value], list(texts)), strict=True))

    def row(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """All that Debezium would send of a row. Raises Unsure."""
        return {column: as_sent(self.kinds, column, values) for column in values if self.kinds[column].captured}


def as_sent(kinds: Mapping[str, Kind], column: str, values: Mapping[str, Value]) -> Any:
    """A column's value as Debezium would send it. Raises Unsure where that is not known for sure."""
    kind = kinds.get(column)
    if kind is None or not kind.captured:
        raise Unsure(f"the connector does not send column {column!r}, whose type it does not know")
    return to_json(kind, values[column])


def key_within(record_id: str, columns: Sequence[str], kinds: Mapping[str, Kind]) -> Key | None:
    """The key within a record id of a table with these key columns; None where no row can have it."""
    parts = [unquote(part) for part in record_id.rpartition("/")[2].split(",")]
    if len(parts) != len(columns):
        return None
    found = [_key_text(kinds.get(column), part) for column, part in zip(columns, parts, strict=True)]
    return None if None in found else tuple(text for text in found if text is not None)


def _key_text(kind: Kind | None, text: str) -> str | None:
    if kind is None or not kind.captured or kind.array or "\0" in text:
        return None
    if kind.name == "bytea":
        try:
            return "\\x" + b64decode(text, validate=True).hex()
        except ValueError:
            return None
    return text.removesuffix("Z") if kind.name in ("date", "time", "timestamp") else text
