"""Everything wrong with the sources: in the files, and against the real database and Kafka Connect."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from connectors import database
from connectors.connect_api import ConnectApi
from connectors.debezium import POSTGRES, REFERENCE, captures_column
from connectors.load import Draft, drafts, load
from connectors.mistakes import ContractInvalid, Mistake, did_you_mean
from connectors.outbox_table import outbox_mistakes
from connectors.partitions import partition_mistakes
from connectors.relation_file import load_relations
from connectors.replica_identity import Table, not_logged
from connectors.sketch import Sketch
from schemas.errors import Misconfigured, Unavailable
from schemas.settings import Settings

_TIMES = ("timestamp", "date", "smallint", "integer", "bigint")


def validate(folder: Path, settings: Settings, online: bool) -> list[Mistake]:
    """All mistakes of all contracts in `folder`, in file and line order; none means they can be applied.

    Offline reads files only. Online asks the database and Kafka Connect too. One that is away is named among the
    mistakes; where there are none, Unavailable is raised: nothing is right that was not checked.
    """
    found = drafts(folder)
    mistakes = [mistake for draft in found for mistake in draft.mistakes]
    if not found:
        mistakes.append(Mistake(folder, 0, "", "there is no contract here", "add a <source>.yaml"))
    mistakes += _of_relations(folder, found)
    away: list[Unavailable] = []
    for check in (_against_database, _against_connect) if online else ():
        try:
            mistakes += check(folder, found, settings)
        except Unavailable as error:
            away.append(error)
    if away and not mistakes:
        raise away[0]
    mistakes += [Mistake(folder, 0, "", f"not checked: {error}", "start it and validate again") for error in away]
    return sorted(set(mistakes))


def _of_relations(folder: Path, found: list[Draft]) -> list[Mistake]:
    """Of relations.yaml, by itself, and against the contracts if each of these is right."""
    try:
        load_relations(folder, [] if any(draft.mistakes for draft in found) else load(folder) if found else [])
    except ContractInvalid as invalid:
        return invalid.mistakes
    return []


def _against_database(folder: Path, found: list[Draft], settings: Settings) -> Iterator[Mistake]:
    with database.connected(settings) as connection:
        level = database.wal_level(connection)
        names = database.table_names(connection)
        real = database.tables(connection, {table for draft in found for table in (*draft.tables, *draft.outboxes)})
        publications = {draft.options["publication.name"] for draft in found}
        by_leaf = database.publications_by_leaf(connection, publications)
    if level != "logical":
        todo = "set wal_level = logical and restart PostgreSQL"
        yield Mistake(folder, 0, settings.pg_database, f"the database's wal_level is {level!r}", todo)
    for draft in found:
        for name, table in draft.tables.items():
            if name in real:
                yield from table_mistakes(draft, name, table, real[name])
            elif name.count(".") == 1:  # any other name is told to be none
                todo = did_you_mean(name, names, f"create it in {settings.pg_database} or take it out")
                yield draft.document.mistake(("tables", name), "there is no such table in the database", todo)
        yield from outbox_mistakes(draft, real, names, by_leaf)
        yield from partition_mistakes(draft, real, by_leaf)


def table_mistakes(draft: Draft, name: str, rules: Sketch, real: Table) -> Iterator[Mistake]:
    """What a table's contract says that its real columns and key do not bear out."""
    document, here = draft.document, ("tables", name)
    for column in sorted(rules.columns() - real.columns.keys()):
        todo = did_you_mean(column, real.columns, f"columns are {', '.join(real.columns)}")
        line = document.line_naming(column, here)
        yield document.mistake(here, f"there is no column {column!r}", todo, line)
    if not real.primary_key:
        yield document.mistake((*here, "key"), "the table has no primary key", "give it one")
    elif rules.key and set(rules.key) != set(real.primary_key):
        what = f"[{', '.join(rules.key)}] is not the primary key"
        yield document.mistake((*here, "key"), what, f"write [{', '.join(real.primary_key)}]")
    kind = real.columns.get(rules.event_time or "")
    if kind is not None and not kind.startswith(_TIMES):
        what = f"{rules.event_time!r} is of type {kind}, which is not a time"
        yield document.mistake((*here, "event_time"), what, "name a timestamp, date or integer column")
    used = rules.columns() - set(rules.mask)
    for what, todo in not_logged(used, lambda column: captures_column(draft.config, f"{name}.{column}"), real):
        yield document.mistake(here, what, todo)


def _against_connect(_: Path, found: list[Draft], settings: Settings) -> Iterator[Mistake]:
    with ConnectApi(settings.connect_url, settings.request_timeout) as api:
        for draft in found:
            if draft.config is None or not draft.config.readable:
                continue
            try:
                yield from option_mistakes(draft, api.validate({**draft.options, "connector.class": POSTGRES}))
            except Misconfigured as error:
                yield draft.config.mistake("", str(error), "correct it, or install what is missing there")


def option_mistakes(draft: Draft, errors: Mapping[str, list[str]]) -> Iterator[Mistake]:
    """Kafka Connect's own findings, at the lines of their options; what we found ourselves is left out."""
    config = draft.config
    if config is None:
        return
    told = {mistake.where for mistake in draft.mistakes if mistake.file == config.file}
    for option, whats in errors.items():
        for what in whats if option not in told else ():
            yield config.mistake(option, what.strip().rstrip("."), _advice(option, what, config.options))


def _advice(option: str, what: str, options: Mapping[str, str]) -> str:
    """What to look at. Debezium notes any failure to connect at one option, whichever of them it comes from."""
    at_the_database = option.startswith("database.") and "connect" in what.lower()
    names = [name for name in options if name.startswith("database.")] if at_the_database else [option]
    references = list(dict.fromkeys(mark for name in names for mark in REFERENCE.findall(options.get(name, ""))))
    if not references:
        return "correct it"
    verb = "is" if len(references) == 1 else "are"
    return f"see what {', '.join(references)} {verb} in the Kafka Connect worker"
