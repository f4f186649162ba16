"""What a source must not be captured with, found in the real database; and that the remedies named are right."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from connectors.apply import apply, make_plan
from connectors.load import load
from connectors.remove import find_capture, remove
from connectors.show import status_view
from connectors.status import status
from connectors.validate import validate
from schemas.settings import Settings

pytestmark = pytest.mark.live

SOURCE = f"strict_{uuid4().hex[:8]}"
WAIT_SECONDS = 30.0
TABLES = f"""
    DROP SCHEMA IF EXISTS {SOURCE} CASCADE;
    CREATE SCHEMA {SOURCE};
    CREATE DOMAIN {SOURCE}.scores AS real[];
    CREATE TABLE {SOURCE}.notes (id int PRIMARY KEY, body text, tags text[], scores {SOURCE}.scores, flags boolean[]);
    CREATE TABLE {SOURCE}."Parts" (id int, region text, flags boolean[], PRIMARY KEY (id, region))
      PARTITION BY LIST (region);
    CREATE TABLE {SOURCE}."parts North" PARTITION OF {SOURCE}."Parts" FOR VALUES IN ('north');
    CREATE TABLE {SOURCE}.keyed (id int PRIMARY KEY, body text, code int NOT NULL UNIQUE, flags boolean[] NOT NULL);
    ALTER TABLE {SOURCE}.keyed REPLICA IDENTITY USING INDEX keyed_code_key;
"""
TEXTS = {"notes": ("[id]", "{body} {tags} {scores}"), "Parts": ("[id, region]", "{flags}"), "keyed": ("[id]", "{body}")}

Write = Callable[..., Settings]


@pytest.fixture
def database(company: psycopg.Connection[Any], settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    company.execute(TABLES)
    yield company
    remove(find_capture(SOURCE, settings), settings, lambda line: None)
    company.execute(f"DROP SCHEMA {SOURCE} CASCADE")


@pytest.fixture
def write(settings: Settings, tmp_path: Path) -> Write:
    """Write a source that reads the named tables; returns settings that point to it."""

    def written(tables: list[str], **options: str) -> Settings:
        sample = json.loads((settings.sources / "helpdesk.debezium.json").read_text())
        config = {name: value for name, value in sample.items() if name.startswith("database.")}
        config |= {
            "heartbeat.interval.ms": "500",
            "heartbeat.action.query": f"SELECT pg_logical_emit_message(true, 'freshline.{SOURCE}', '')",
            **{name.replace("_", "."): value for name, value in options.items()},
        }
        (tmp_path / "strict.debezium.json").write_text(json.dumps(config))
        lines = [f"source: {SOURCE}", "connector: {plugin: postgres, config: strict.debezium.json}", "tables:"]
        for table in tables:
            key, text = TEXTS[table]
            lines += [f"  {SOURCE}.{table}:", f"    key: {key}", f'    text: "{text}"']
            lines += ['    permissions: {tenant: acme, readers: ["user:ann"]}']
        (tmp_path / "strict.yaml").write_text("\n".join(lines))
        return settings.model_copy(update={"sources": tmp_path})

    return written


def mistakes(settings: Settings) -> list[tuple[str, str]]:
    return [(mistake.what, mistake.todo) for mistake in validate(settings.sources, settings, online=True)]


def test_what_comes_as_null_is_refused_until_the_named_statements_have_run(
    write: Write, database: psycopg.Connection[Any]
) -> None:
    mine = write(["notes", "Parts", "keyed"])
    found = mistakes(mine)
    assert sorted(what for what, _ in found) == [
        "an unchanged large value of 'flags' (boolean[] NOT NULL) stops the connector",
        "an unchanged large value of 'flags' (boolean[]) is not logged and comes as null",
        f"an unchanged large value of 'scores' ({SOURCE}.scores) is not logged and comes as null",
        "its deletes are logged by an index without the whole primary key",
    ]
    for _, todo in found:
        database.execute(todo.split(", or ")[0].encode())
    assert mistakes(mine) == [
        (
            "an unchanged large value of 'flags' (boolean[] NOT NULL) stops the connector",
            f"ALTER TABLE {SOURCE}.keyed REPLICA IDENTITY FULL, or name it in column.exclude.list",
        )
    ]
    database.execute(f"ALTER TABLE {SOURCE}.keyed REPLICA IDENTITY FULL")
    assert mistakes(mine) == []


def test_a_table_that_stops_logging_whole_rows_shows_in_the_status(
    write: Write, database: psycopg.Connection[Any]
) -> None:
    mine = write(["notes"])
    database.execute(f"ALTER TABLE {SOURCE}.notes REPLICA IDENTITY FULL")
    assert status(load(mine.sources), mine).sources[0].not_logged == ()
    database.execute(f"ALTER TABLE {SOURCE}.notes REPLICA IDENTITY DEFAULT")
    [line] = status(load(mine.sources), mine).sources[0].not_logged
    assert line.startswith(f"{SOURCE}.notes: an unchanged large value of 'scores'")
    assert line.endswith(f"ALTER TABLE {SOURCE}.notes REPLICA IDENTITY FULL")
    assert status_view(status(load(mine.sources), mine)) is not None


def test_a_publication_that_sends_partitions_by_their_own_names_is_refused_until_altered(
    write: Write, database: psycopg.Connection[Any]
) -> None:
    database.execute(f'ALTER TABLE {SOURCE}."Parts" DROP COLUMN flags, ADD COLUMN flags text')
    before = write(["Parts"], publish_via_partition_root="false")
    assert [todo.split(" in ")[0] for _, todo in mistakes(before)] == ['make "publish.via.partition.root" "true"']
    apply(load(before.sources), before, lambda line: None)
    mine = write(["Parts"])
    [step] = [step for step in make_plan(load(mine.sources), mine).changes if step.kind == "connector"]
    assert (step.action, step.detail) == ("update", "changes publish.via.partition.root")
    apply(load(mine.sources), mine, lambda line: None)
    [(what, todo)] = mistakes(mine)
    assert what == "is partitioned, and its rows are sent under the names of its partitions"
    database.execute(todo.removeprefix("run: ").split(";")[0].encode())
    assert mistakes(mine) == []
    assert status(load(mine.sources), mine).sources[0].snapshot.rows_read == 0
    database.execute(f"INSERT INTO {SOURCE}.\"Parts\" VALUES (1, 'north', 'yes')")
    deadline = time.monotonic() + WAIT_SECONDS
    while status(load(mine.sources), mine).sources[0].snapshot.rows_read == 0:
        assert time.monotonic() < deadline, "the row did not come under the name of its table"
        time.sleep(0.1)
