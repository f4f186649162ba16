"""Each kind of change performed on the real stack: what the index holds after it.

The source has a schema, a connector, a stream job and a collection of its own; they go when the tests are through.
"""

import json
from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest
from own_source import Database, OwnSource, own_settings

import freshline
from schemas.settings import Settings

pytestmark = pytest.mark.live

SOURCE = f"kinds_{uuid4().hex[:8]}"
"""Another one in each run, so that a run that broke off leaves nothing to this one."""
KEYS = {
    "notes": "[id]",
    "pairs": "[b, a]",
    "uuids": "[id]",
    "Odd Table": '["Odd Key"]',
    "typed": "[id]",
    "growing": "[id]",
    "split": "[id, region]",
    "large": "[id]",
}
TEXTS = {
    "typed": "{amount} {day} {at} {mood} {tags} {raw} {words} {body}",
    "growing": "{subject}: {body}",
    "large": "{short}: {body}",
}
TABLES = f"""
    DROP SCHEMA IF EXISTS {SOURCE} CASCADE;
    CREATE SCHEMA {SOURCE};
    SET search_path TO {SOURCE};
    CREATE TABLE signals (id text PRIMARY KEY, type text, data text);
    CREATE TABLE notes (id int PRIMARY KEY, body text);
    CREATE TABLE pairs (a int, b text, body text, PRIMARY KEY (b, a));
    CREATE TABLE uuids (id uuid PRIMARY KEY, body text);
    CREATE TABLE "Odd Table" ("Odd Key" text PRIMARY KEY, body text);
    CREATE TYPE mood AS ENUM ('calm', 'cross');
    CREATE TABLE typed (
      id int PRIMARY KEY, amount numeric(12, 2), day date, at timestamptz, mood mood, tags jsonb, raw bytea,
      words text[], body text
    );
    CREATE TABLE growing (id int PRIMARY KEY, subject varchar(10), body text, unused text);
    CREATE TABLE split (id int, region text, body text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
    CREATE TABLE split_north PARTITION OF split FOR VALUES IN ('north');
    CREATE TABLE split_south PARTITION OF split FOR VALUES IN ('south');
    CREATE TABLE large (id int PRIMARY KEY, body text, short text);
    ALTER TABLE large ALTER body SET STORAGE EXTERNAL;
"""

Holds = Callable[[str, dict[str, str]], None]


@pytest.fixture(scope="module")
def source(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSource]:
    """The running source: its tables empty, its connector and its stream job at work."""
    options = {
        "signal.data.collection": f"{SOURCE}.signals",
        "incremental.snapshot.chunk.size": "20",
        "table.include.list": ",".join(f"{SOURCE}\\.{table.replace(' ', '.')}" for table in (*KEYS, "signals")),
    }
    mine = own_settings(settings, tmp_path_factory.mktemp("kinds"), SOURCE)
    source = OwnSource(SOURCE, mine, KEYS, TEXTS, options)
    source.write()
    with psycopg.connect(freshline.dsn(settings), autocommit=True) as database:
        database.execute(TABLES)
        source.apply()
        with source.working():
            yield source
        source.remove(database)


@pytest.fixture
def database(source: OwnSource) -> Iterator[Database]:
    with psycopg.connect(freshline.dsn(source.settings), autocommit=True) as connection:
        connection.execute(f"SET search_path TO {SOURCE}")
        yield connection


@pytest.fixture
def holds(source: OwnSource) -> Holds:
    """Return once the index holds exactly these texts of a table, by key; at most a minute."""
    return source.holds


def test_inserts_updates_deletes_and_key_changes_are_followed(database: Database, holds: Holds) -> None:
    database.execute("INSERT INTO notes VALUES (1, 'one'), (2, 'two'), (3, 'three')")
    holds("notes", {"1": "one", "2": "two", "3": "three"})
    database.execute("UPDATE notes SET body = 'ONE' WHERE id = 1")
    database.execute("DELETE FROM notes WHERE id = 2")
    database.execute("UPDATE notes SET id = 30 WHERE id = 3")
    holds("notes", {"1": "ONE", "30": "three"})


def test_composite_uuid_and_quoted_keys_name_their_records(database: Database, holds: Holds) -> None:
    uuid = "8f14e45f-ceea-467f-ab1e-5f0a8c3d9b11"
    database.execute("INSERT INTO pairs VALUES (1, 'x,y', 'one'), (2, 'x,y', 'two')")
    database.execute("INSERT INTO uuids VALUES (%s, 'one')", [uuid])
    database.execute("""INSERT INTO "Odd Table" VALUES ('ü"''/', 'one')""")
    holds("pairs", {"x%2Cy,1": "one", "x%2Cy,2": "two"})
    holds("uuids", {uuid: "one"})
    holds("Odd Table", {"%C3%BC%22%27%2F": "one"})
    database.execute("UPDATE pairs SET b = 'z' WHERE a = 1")
    database.execute("DELETE FROM uuids")
    database.execute("UPDATE \"Odd Table\" SET body = 'two'")
    holds("pairs", {"z,1": "one", "x%2Cy,2": "two"})
    holds("uuids", {})
    holds("Odd Table", {"%C3%BC%22%27%2F": "two"})


def test_an_emptied_table_is_empty_and_fills_again(database: Database, holds: Holds) -> None:
    database.execute("TRUNCATE notes")
    holds("notes", {})
    database.execute(
        "BEGIN; INSERT INTO notes VALUES (1, 'x'); TRUNCATE notes; INSERT INTO notes VALUES (4, 'y'); COMMIT"
    )
    holds("notes", {"4": "y"})


def test_every_type_shows_its_value(database: Database, holds: Holds) -> None:
    database.execute(
        """INSERT INTO typed VALUES (1, 12.30, '2026-11-23', '2026-11-23 05:00+02', 'cross', '{"a": [1]}', '\\x00ff',
           '{"a b",c}', E'Grüße \\U0001F40E \\u202Ebidi\\u202C')"""
    )
    shown = '12.30 2026-11-23Z 2026-11-23T03:00:00.000000Z cross {"a": [1]} AP8= ["a b", "c"] Grüße \U0001f40e'
    holds("typed", {"1": f"{shown} \u202ebidi\u202c"})


def test_columns_added_widened_renamed_and_dropped_are_followed_while_streaming(
    database: Database, holds: Holds
) -> None:
    database.execute("INSERT INTO growing VALUES (1, 'Short', 'v1', 'x')")
    holds("growing", {"1": "Short: v1"})
    database.execute("ALTER TABLE growing ADD COLUMN more text NOT NULL DEFAULT 'x', DROP COLUMN unused")
    database.execute("ALTER TABLE growing ALTER subject TYPE text")
    database.execute("ALTER TABLE growing RENAME COLUMN more TO other")
    database.execute("UPDATE growing SET subject = 'Much longer than before', body = 'v2'")
    holds("growing", {"1": "Much longer than before: v2"})


def test_rows_of_a_partitioned_table_are_records_of_its_root(database: Database, holds: Holds) -> None:
    database.execute("INSERT INTO split VALUES (1, 'north', 'one'), (2, 'south', 'two')")
    holds("split", {"1,north": "one", "2,south": "two"})
    database.execute("UPDATE split SET region = 'south', body = 'moved' WHERE id = 1")
    database.execute("DELETE FROM split WHERE id = 2")
    holds("split", {"1,south": "moved"})
    database.execute("CREATE TABLE split_west PARTITION OF split FOR VALUES IN ('west')")
    database.execute("INSERT INTO split VALUES (3, 'west', 'three')")
    database.execute("UPDATE split SET region = 'west' WHERE id = 1")
    holds("split", {"1,west": "moved", "3,west": "three"})
    database.execute("ALTER TABLE split DETACH PARTITION split_north")
    database.execute("UPDATE split SET body = 'moved on' WHERE id = 1")
    holds("split", {"1,west": "moved on", "3,west": "three"})
    database.execute("TRUNCATE split")
    holds("split", {})


def test_an_unchanged_large_value_stays_and_an_error_page_does_not_replace_it(database: Database, holds: Holds) -> None:
    database.execute("INSERT INTO large VALUES (1, 'nothing yet', '')")
    holds("large", {"1": ": nothing yet"})
    body = "one word " + "\U0001f40e" * 2000
    database.execute("UPDATE large SET body = %s", [body])
    database.execute("UPDATE large SET short = 'still'")
    database.execute("UPDATE large SET short = 'still there'")
    holds("large", {"1": f"still there: {body}"})
    database.execute("UPDATE large SET body = '<html><head><title>502 Bad Gateway</title></head></html>'")
    database.execute("INSERT INTO large VALUES (2, 'the last one', 'after')")
    holds("large", {"1": f"still there: {body}", "2": "after: the last one"})


def test_an_incremental_snapshot_while_writing_ends_with_what_the_table_holds(database: Database, holds: Holds) -> None:
    database.execute("INSERT INTO notes SELECT n, 'first ' || n FROM generate_series(100, 160) n")
    signal = {"type": "incremental", "data-collections": [f"{SOURCE}.notes"]}
    database.execute("INSERT INTO signals VALUES ('again', 'execute-snapshot', %s)", [json.dumps(signal)])
    for number in range(100, 160, 5):
        database.execute("UPDATE notes SET body = %s WHERE id = %s", [f"second {number}", number])
        database.execute("DELETE FROM notes WHERE id = %s", [number + 1])
    held = {str(key): body for key, body in database.execute("SELECT id, body FROM notes").fetchall()}
    holds("notes", held)
