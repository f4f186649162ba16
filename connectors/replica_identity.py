"""Whether a table logs enough of each change: its replica identity against what Debezium can tell from that. Pure.

PostgreSQL does not log a large value (out of line, "TOAST") that an update leaves unchanged. For most types Debezium
then writes a placeholder, which the stream job fills in. For the others it writes null, as if the value were gone, or
fails where the column must not be null; reselecting does not help. Learnt from real events, in
tests/data/recorded/toast*.jsonl. A table that logs its rows whole (REPLICA IDENTITY FULL) has no such gap.
"""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Final

FULL, INDEX, NOTHING = "f", "i", "n"

_RANGES = ("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange")
_STRINGS = ("text", "varchar", "bpchar", "citext", "json", "jsonb", "xml", "tsvector", "ltree", "inet", "cidr")
_TOLD: Final = frozenset({*_STRINGS, *_RANGES, "numeric", "bytea", "hstore"})
"""Types of which Debezium writes a placeholder for an unchanged large value."""
_TOLD_IN_ARRAYS: Final = frozenset({"text", "varchar", "bpchar", "json", "jsonb", "bytea", "int4", "int8", "uuid"})
"""Types of which it does so for arrays."""


def untold(base: str, array: bool, large: bool) -> bool:
    """Whether an unchanged value of this type may come as null. `base`: the type, or that of an array's elements,
    domains resolved; `large`: whether PostgreSQL ever stores its values out of line."""
    return large and base not in (_TOLD_IN_ARRAYS if array else _TOLD)


@dataclass(frozen=True)
class Table:
    """A table as the database has it. `columns` maps name to PostgreSQL's type; `primary_key` is in the key's order.

    `identities` maps the table, and each partition of a partitioned one, to its replica identity as in pg_class
    (d, f, i, n; an index that holds the primary key counts as d). Their names are written as SQL needs them.
    `untold`: columns whose unchanged large values may come as null. `required`: columns that must not be null.
    """

    columns: dict[str, str]
    primary_key: tuple[str, ...] = ()
    identities: Mapping[str, str] = field(default_factory=dict)
    partitioned: bool = False
    untold: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()


def not_logged(used: Set[str], captured: Callable[[str], bool], real: Table) -> Iterator[tuple[str, str]]:
    """What a table does not log and Freshline needs, and the statements to run. `used`: columns of its contract;
    `captured` tells whether the connector sends a column at all."""
    if silent := [name for name, identity in real.identities.items() if identity == NOTHING]:
        yield "its updates and deletes are not logged", _statements(silent, "DEFAULT")
    if keyless := [name for name, identity in real.identities.items() if identity == INDEX]:
        yield "its deletes are logged by an index without the whole primary key", _statements(keyless, "DEFAULT")
    partial = [name for name, identity in real.identities.items() if identity != FULL]
    for column in sorted(real.untold & used) if partial else ():
        what = f"an unchanged large value of {column!r} ({real.columns[column]}) is not logged and comes as null"
        yield what, _statements(partial, "FULL")
    for column in sorted((real.untold & real.required) - used) if partial else ():
        if captured(column):
            what = f"an unchanged large value of {column!r} ({real.columns[column]} NOT NULL) stops the connector"
            yield what, f"{_statements(partial, 'FULL')}, or name it in column.exclude.list"


def _statements(names: list[str], identity: str) -> str:
    return "; ".join(f"ALTER TABLE {name} REPLICA IDENTITY {identity}" for name in names)
