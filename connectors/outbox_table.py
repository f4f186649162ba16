"""Outbox tables in the database: whether the router can read them. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Final

from connectors.debezium import captures_column
from connectors.load import Draft
from connectors.mistakes import Mistake, did_you_mean
from connectors.outbox import OutboxSketch
from connectors.partitions import VIA_ROOT
from connectors.replica_identity import Table, not_logged

_TEXT: Final = ("text", "character varying", "character")
_NUMBERS: Final = ("smallint", "integer", "bigint")
_KINDS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "aggregatetype": (_TEXT, "text"),
    "aggregateid": ((*_TEXT, *_NUMBERS, "uuid"), "text, a uuid or a whole number"),
    "type": (_TEXT, "text"),
    "payload": ((*_TEXT, "json", "jsonb"), "json, jsonb or text"),
}
"""Column -> its types, and how to name them: the router fails at others, or makes of them what is no JSON."""


def outbox_mistakes(
    draft: Draft, real: Mapping[str, Table], names: Iterable[str], by_leaf: Set[str]
) -> Iterator[Mistake]:
    """What a contract says of its outboxes that the database does not bear out. `names`: every table there is;
    `by_leaf`: publications that send the rows of partitions under their own names."""
    for name, outbox in draft.outboxes.items():
        if name in real:
            yield from _of_columns(draft, name, outbox, real[name])
            yield from _of_table(draft, name, real[name], by_leaf)
        elif name.count(".") == 1:
            todo = did_you_mean(name, names, "create it or take it out")
            yield draft.document.mistake(("outboxes", name), "there is no such table in the database", todo)


def _of_columns(draft: Draft, name: str, outbox: OutboxSketch, real: Table) -> Iterator[Mistake]:
    document, here = draft.document, ("outboxes", name)
    for role, column in outbox.columns.items():
        kind, at = real.columns.get(column), (*here, "columns", role)
        types, words = _KINDS.get(role, ((), ""))
        if kind is None:
            otherwise = f"say under columns which one is its {role}: {', '.join(real.columns)}"
            yield document.mistake(at, f"there is no column {column!r}", did_you_mean(column, real.columns, otherwise))
        elif (types and not kind.startswith(types)) or kind.endswith("[]"):
            yield document.mistake(
                at, f"{column!r} is of type {kind}", f"the router needs {words or 'one value'} there"
            )
        elif role == "aggregatetype" and column not in real.required:
            what = f"{column!r} may be null, and one such row would stop the connector"
            yield document.mistake(at, what, f'ALTER TABLE {name} ALTER "{column}" SET NOT NULL')


def _of_table(draft: Draft, name: str, real: Table, by_leaf: Set[str]) -> Iterator[Mistake]:
    document, here = draft.document, ("outboxes", name)
    if not real.primary_key:
        what = "the table has no primary key: once it is captured, its rows could not be deleted any more"
        yield document.mistake(here, what, "give it one")
    for what, todo in not_logged(set(), lambda column: captures_column(draft.config, f"{name}.{column}"), real):
        yield document.mistake(here, what, todo)
    by_partition = draft.options.get(VIA_ROOT, "").lower() != "true" or draft.options["publication.name"] in by_leaf
    if real.partitioned and by_partition:
        todo = f'make "{VIA_ROOT}" "true", also of a publication that is there already'
        yield document.mistake(here, "is partitioned, and its rows are sent under the names of its partitions", todo)
