"""`freshline verify` against the real stack: nothing differs, until somebody tampers with index or grants."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

import freshline
from connectors.kafka_writer import KafkaWriter
from connectors.load import load
from index.milvus import MilvusStore
from index.store import Held, Row, Version
from schemas.label import LabelId
from schemas.position import Position
from schemas.relation import Grant, RelationTuple
from schemas.settings import Settings, read_secret
from schemas.topics import RELATIONS
from streams.verify.following import Following, Topics
from streams.verify.report import Report
from streams.verify.run import Options, verify_by_name

pytestmark = pytest.mark.live

ROOT = Path(freshline.__file__).resolve().parent
PAGES = "wiki.pages"
PERMISSIONS = "wiki.folder_permissions"


def look(settings: Settings, source: str, **options: Any) -> Report:
    """Verify with a bound on each wait."""
    quiet = lambda what, total: lambda number: None  # noqa: E731
    return verify_by_name(load(settings.sources), source, settings, Options(patience=60, **options), quiet)


def grants_of(settings: Settings) -> Following:
    following = Following(Topics(settings.kafka, 10.0), "wiki", 10.0)
    following.refresh()
    return following


@dataclass
class Saboteur:
    """Tampers with the index and the grants of the wiki, behind the product's back."""

    store: MilvusStore
    settings: Settings
    pages: list[str]
    granting: list[str]

    def page(self, long: bool = False) -> tuple[str, Held]:
        """Another page each time; `long`: of at least three chunks."""
        for name in list(self.pages):
            held = self.store.held([name])[name]
            if held.rows and (not long or held.chunks >= 3):
                self.pages.remove(name)
                return name, held
        raise AssertionError("the sample company has no such page left")

    def put(self, *rows: Row) -> None:
        self.store._upsert(rows)

    def remove(self, *rows: Row) -> None:
        self.store._delete(row.chunk_id for row in rows)

    def grant(self, change: Callable[[Grant], Grant]) -> str:
        """Alter what a row of the folder permissions is said to grant."""
        following = grants_of(self.settings)
        name = self.granting.pop()
        self.publish(change(following.grants[name]))
        return name

    def publish(self, grant: Grant) -> None:
        writer = KafkaWriter(self.settings.kafka, 10.0)
        writer.write((RELATIONS, 0), grant.record_id.encode(), grant.model_dump_json().encode())
        writer.acknowledged()


@pytest.fixture
def saboteur(settings: Settings, company: psycopg.Connection[Any]) -> Iterator[Saboteur]:
    store = MilvusStore(settings.milvus_uri, read_secret(settings.milvus_token_file), settings.collection)
    rows = company.execute("SELECT id FROM wiki.pages ORDER BY length(body) DESC, id").fetchall()
    granting = sorted(grants_of(settings).granting(f"wiki/{PERMISSIONS}"))
    yield Saboteur(store, settings, [f"wiki/{PAGES}/{number}" for (number,) in rows], granting)
    assert look(settings, "wiki", repair=True).clean


@pytest.mark.parametrize("source", ["helpdesk", "crm", "wiki"])
def test_of_the_sample_company_nothing_differs(settings: Settings, source: str) -> None:
    report = look(settings, source, deep=source == "wiki")
    assert (report.as_json()["by_table"], report.clean) == ([], True)
    assert report.rows.total() > 100
    assert not report.unjudged


def removed(s: Saboteur) -> str:
    name, held = s.page()
    s.remove(*held.rows)
    return name


def deleted(s: Saboteur) -> str:
    """As if by the product, at the row's own position."""
    name, held = s.page()
    s.store.write([Version(name, held.position, (), held.chunks)])
    return name


def text_altered(s: Saboteur) -> str:
    """The hash of the text still says that nothing changed."""
    name, held = s.page()
    s.put(replace(held.rows[0], text="Everybody gets a rise."))
    return name


def vector_broken(s: Saboteur) -> str:
    name, held = s.page()
    s.put(replace(held.rows[0], vector=held.rows[0].vector * np.float32(2)))
    return name


def vector_swapped(s: Saboteur) -> str:
    """A whole vector, of another text."""
    (name, held), (_, other) = s.page(), s.page()
    s.put(replace(held.rows[0], vector=other.rows[0].vector))
    return name


def added(s: Saboteur) -> str:
    name = f"wiki/{PAGES}/999999"
    row = s.page()[1].rows[0]
    row = replace(row, record_id=name, key='{"id": 999999}', text="The safe opens with 0000.", chunks=1)
    s.store.write([Version(name, row.position, (row,), 0)])
    return name


def added_with_a_key_that_is_none(s: Saboteur) -> str:
    name = f"wiki/{PAGES}/nothing"
    row = replace(s.page()[1].rows[0], record_id=name, key='{"id": "no number"}', chunks=1)
    s.store.write([Version(name, row.position, (row,), 0)])
    return name


def added_to_a_table_of_no_contract(s: Saboteur) -> str:
    name = "wiki/wiki.secrets/1"
    row = replace(s.page()[1].rows[0], record_id=name, table="wiki.secrets", chunks=1)
    s.store.write([Version(name, row.position, (row,), 0)])
    return name


def relabelled(s: Saboteur) -> str:
    (name, held), (_, other) = s.page(), s.page()
    label = other.rows[0].label if other.rows[0].label != held.rows[0].label else LabelId(1)
    s.put(*(replace(row, label=label) for row in held.rows))
    return name


def relabelled_in_one_chunk(s: Saboteur) -> str:
    name, held = s.page(long=True)
    s.put(replace(held.rows[1], label=LabelId(12345)))
    return name


def chunk_removed(s: Saboteur) -> str:
    name, held = s.page(long=True)
    s.remove(held.rows[1])
    return name


def head_removed(s: Saboteur) -> str:
    name, held = s.page(long=True)
    s.remove(held.rows[0])
    return name


def orphan_added(s: Saboteur) -> str:
    name, held = s.page()
    s.put(replace(held.rows[0], chunk=held.chunks + 4, text="An orphan."))
    return name


def orphan_without_record(s: Saboteur) -> str:
    name = f"wiki/{PAGES}/888888"
    s.put(replace(s.page()[1].rows[0], record_id=name, key='{"id": 888888}', chunk=3, chunks=5))
    return name


def grant_forged(s: Saboteur) -> str:
    name = f"wiki/{PERMISSIONS}/1,user%3Amallory%40acme.example"
    given = RelationTuple(tenant="acme", object="folder:1", relation="viewer", subject="user:mallory@acme.example")
    s.publish(Grant(record_id=name, position=Position("0" * 16), commit_ms=1, tuples=(given,)))
    return name


def grant_taken(s: Saboteur) -> str:
    return s.grant(lambda grant: grant.model_copy(update={"tuples": ()}))


def grant_altered(s: Saboteur) -> str:
    def altered(grant: Grant) -> Grant:
        given = grant.tuples[0].model_copy(update={"subject": "user:mallory@acme.example"})
        return grant.model_copy(update={"tuples": (given,)})

    return s.grant(altered)


SABOTAGES: dict[Callable[[Saboteur], str], str] = {
    removed: "missing",
    deleted: "missing",
    head_removed: "missing",
    text_altered: "stale",
    vector_broken: "stale",
    vector_swapped: "stale",
    chunk_removed: "stale",
    relabelled: "mislabelled",
    relabelled_in_one_chunk: "mislabelled",
    added: "extra",
    added_with_a_key_that_is_none: "extra",
    added_to_a_table_of_no_contract: "extra",
    orphan_added: "extra",
    orphan_without_record: "extra",
    grant_forged: "grant_extra",
    grant_taken: "grant_missing",
    grant_altered: "grant_stale",
}


def test_what_somebody_did_behind_its_back_is_found_for_what_it_is_and_healed(
    settings: Settings, saboteur: Saboteur
) -> None:
    done = {(kind, sabotage(saboteur)) for sabotage, kind in SABOTAGES.items()}
    found = look(settings, "wiki", deep=True)
    assert {(f.kind, f.record_id) for f in found.examples} == done
    assert (found.left, found.clean) == (found.found, False)
    healed = look(settings, "wiki", deep=True, repair=True)
    assert {(f.kind, f.record_id) for f in healed.examples} == done
    assert healed.clean
    after = look(settings, "wiki", deep=True)
    assert (after.examples, after.clean) == ([], True)


def test_a_healed_record_takes_the_next_change_of_its_row(
    settings: Settings, saboteur: Saboteur, company: psycopg.Connection[Any]
) -> None:
    name = text_altered(saboteur)
    assert look(settings, "wiki", repair=True).clean
    repaired = saboteur.store.held([name])[name].position
    number = int(name.rpartition("/")[2])
    company.execute("UPDATE wiki.pages SET title = title || ' (new)' WHERE id = %s", [number])
    assert look(settings, "wiki").clean
    now = saboteur.store.held([name])[name]
    assert now.rows[0].title.endswith(" (new)")
    assert now.position > repaired


def test_changes_going_on_are_no_differences(settings: Settings, company: psycopg.Connection[Any]) -> None:
    script = (
        "import sys, psycopg, time\n"
        "with psycopg.connect(sys.stdin.readline().strip(), autocommit=True) as c:\n"
        "    end = time.monotonic() + 8\n"
        "    n = 0\n"
        "    while time.monotonic() < end:\n"
        "        n += 1\n"
        "        c.execute('UPDATE helpdesk.tickets SET updated_at = now() WHERE id %% 20 = %s', [n % 20])\n"
        "        time.sleep(0.02)\n"
    )
    busy = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, text=True)
    try:
        assert busy.stdin is not None
        busy.stdin.write(freshline.dsn(settings) + "\n")
        busy.stdin.close()
        report = look(settings, "helpdesk")
    finally:
        assert busy.wait(60) == 0
    assert report.as_json()["by_table"] == []
    assert look(settings, "helpdesk").as_json()["by_table"] == []


def test_the_command_says_by_its_exit_code_whether_differences_are_left(
    settings: Settings, saboteur: Saboteur, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(*options: str) -> tuple[int, dict[str, Any]]:
        words = [sys.executable, "freshline.py", "verify", "wiki", "--table", PAGES, "--json", *options]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=180)
        return done.returncode, json.loads(done.stdout)

    monkeypatch.setenv("FRESHLINE_HOME", str(settings.home))
    name = removed(saboteur)
    code, found = command()
    assert (code, found["found"]["missing"], found["left"]["missing"]) == (1, 1, 1)
    assert [example["record_id"] for example in found["examples"]] == [name]
    code, found = command("--repair")
    assert (code, found["found"]["missing"], found["left"]["missing"], found["clean"]) == (0, 1, 0, True)
    assert command()[0] == 0
