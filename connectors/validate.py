"""Everything wrong with the sources: in the files, and against the real database and Kafka Connect."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from connectors import database
from connectors.connect_api import ConnectApi
from connectors.database import Table
from connectors.debezium import effective_for
from connectors.load import Draft, drafts
from connectors.mistakes import Mistake, did_you_mean
from schemas.contract import TableContract
from schemas.settings import Settings

_TIMES = ("timestamp", "date", "smallint", "integer", "bigint")


def validate(folder: Path, settings: Settings, online: bool) -> list[Mistake]:
    """All mistakes of all contracts in `folder`, in file and line order; none means they can be applied.

    Offline reads files only. Online asks the database and Kafka Connect too; raises Unavailable if away.
    """
    found = drafts(folder)
    mistakes = [mistake for draft in found for mistake in draft.mistakes]
    if not found:
        mistakes.append(Mistake(folder, 0, "", "there is no contract here", "add a <source>.yaml"))
    if online:
        mistakes += _against_database(folder, found, settings)
        mistakes += _against_connect(found, settings)
    return sorted(set(mistakes))


def _against_database(folder: Path, found: list[Draft], settings: Settings) -> Iterator[Mistake]:
    with database.connected(settings) as connection:
        level = database.wal_level(connection)
        names = database.table_names(connection)
        real = database.columns(connection, {table for draft in found for table in draft.tables})
    if level != "logical":
        todo = "set wal_level = logical and restart PostgreSQL"
        yield Mistake(folder, 0, settings.pg_database, f"the database's wal_level is {level!r}", todo)
    for draft in found:
        for name, rules in draft.tables.items():
            if name in real:
                yield from table_mistakes(draft, name, rules, real[name])
            else:
                todo = did_you_mean(name, names, f"create it in {settings.pg_database} or take it out")
                yield draft.document.mistake(("tables", name), "there is no such table in the database", todo)


def table_mistakes(draft: Draft, name: str, rules: TableContract, real: Table) -> Iterator[Mistake]:
    """What a table's contract says that its real columns and key do not bear out."""
    document, here = draft.document, ("tables", name)
    for column in sorted(rules.columns() - real.columns.keys()):
        todo = did_you_mean(column, real.columns, f"columns are {', '.join(real.columns)}")
        line = document.line_naming(column, here)
        yield document.mistake(here, f"there is no column {column!r}", todo, line)
    if not real.primary_key:
        yield document.mistake((*here, "key"), "the table has no primary key", "give it one")
    elif set(rules.key) != set(real.primary_key):
        what = f"[{', '.join(rules.key)}] is not the primary key"
        yield document.mistake((*here, "key"), what, f"write [{', '.join(real.primary_key)}]")
    kind = real.columns.get(rules.event_time or "")
    if kind is not None and not kind.startswith(_TIMES):
        what = f"{rules.event_time!r} is of type {kind}, which is not a time"
        yield document.mistake((*here, "event_time"), what, "name a timestamp, date or integer column")
    if real.replica_identity == "n":
        todo = f"ALTER TABLE {name} REPLICA IDENTITY DEFAULT"
        yield document.mistake(here, "its updates and deletes are not logged", todo)


def _against_connect(found: list[Draft], settings: Settings) -> Iterator[Mistake]:
    with ConnectApi(settings.connect_url, settings.request_timeout) as api:
        for draft in found:
            if draft.config is None or draft.config.mistakes:
                continue
            options = effective_for(draft.source, list(draft.tables), draft.config.options)
            yield from option_mistakes(draft, api.validate(options))


def option_mistakes(draft: Draft, errors: Mapping[str, list[str]]) -> Iterator[Mistake]:
    """Kafka Connect's own findings, at the lines of their options; what we found ourselves is left out."""
    config = draft.config
    if config is None:
        return
    told = {mistake.where for mistake in draft.mistakes if mistake.file == config.file}
    for option, whats in errors.items():
        value = config.options.get(option, "")
        todo = f"see what {value} is in the Kafka Connect worker" if value.startswith("${") else "correct it"
        for what in whats if option not in told else ():
            yield config.mistake(option, what.strip().rstrip("."), todo)
