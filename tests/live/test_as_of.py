"""As of a past time on the real stack: a source of its own keeps its past, from the database to the answer."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from own_source import Database, OwnSource, eventually, own_settings

import freshline
from query.asker import Asker, Circumstances
from query.capabilities.revoked import Revocations
from query.clock import system_clock
from query.decisions.memory import MemoryDecisions
from query.decisions.recorder import Recorder
from query.follow import Follower
from query.grounds import grounds_of
from query.live_index import LiveIndex, index_of
from query.principal import Principal
from query.search import Parts, answer
from query.serve import compose
from schemas.answer import Question
from schemas.errors import Refused
from schemas.settings import Settings

pytestmark = [pytest.mark.live, pytest.mark.long]

SOURCE = f"past_{uuid4().hex[:8]}"
ANN = Asker(Principal("ann", "acme"))
Asked = dict[str, str] | str
"""Texts by key, or the code of a refusal."""


@pytest.fixture
def source(settings: Settings, company: Database, tmp_path: Path) -> Iterator[OwnSource]:
    company.execute(f"CREATE SCHEMA {SOURCE}; CREATE TABLE {SOURCE}.notes (id int PRIMARY KEY, body text)")
    mine = own_settings(settings, tmp_path, SOURCE).model_copy(update={"permission_lag_limit": 3600.0})
    source = OwnSource(SOURCE, mine, {"notes": "[id]"})
    source.write()
    contract = tmp_path / "own.yaml"
    contract.write_text(f"freshness: {{history: 1h}}\n{contract.read_text()}")
    source.apply()
    yield source
    source.remove(company)


@pytest.fixture
def parts(source: OwnSource) -> Iterator[Parts]:
    """What answers, as the API puts it together."""
    with source.working(), ExitStack() as stack:
        source.holds("notes", {})
        grounds, revocations = grounds_of(source.settings), Revocations()
        follower = Follower(source.settings.kafka, grounds.view, revocations)
        follower.start()
        stack.callback(follower.stop)
        recorder = Recorder(MemoryDecisions(), Ed25519PrivateKey.generate())
        made = compose(source.settings, grounds, revocations, LiveIndex(index_of(source.settings)), recorder).parts
        stack.callback(made.guards.sources.close)
        yield made


def asked(parts: Parts, as_of_ms: int | None) -> Asked:
    question = Question(query="the bridge", as_of_ms=as_of_ms)
    try:
        given = answer(parts, ANN, Circumstances(at_ms=system_clock().wall_ms), question)
    except Refused as refused:
        return refused.code
    assert given.as_of_ms == as_of_ms
    return {hit.record_id.rpartition("/")[2]: hit.text for hit in given.hits}


def now_of(database: Database) -> int:
    """The database's clock, in milliseconds."""
    row = database.execute("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint").fetchone()
    assert row is not None
    return int(row[0])


def test_what_was_said_then_is_answered_once_history_began_and_what_is_deleted_has_no_past(
    source: OwnSource, parts: Parts, settings: Settings
) -> None:
    with psycopg.connect(freshline.dsn(settings), autocommit=True) as database:
        database.execute(f"INSERT INTO {SOURCE}.notes VALUES (1, 'the bridge is open'), (2, 'the bridge is old')")
        source.holds("notes", {"1": "the bridge is open", "2": "the bridge is old"})
        long_ago = now_of(database) - 3_600_000
        assert eventually(partial(asked, parts, long_ago), "as_of_unavailable") == "as_of_unavailable"
        # History begins a few seconds after its first writer; to ask for now is to ask for more than the watermark.
        assert eventually(lambda: isinstance(asked(parts, now_of(database) - 2000), dict), True)
        then = now_of(database)
        database.execute(f"UPDATE {SOURCE}.notes SET body = 'the bridge is closed' WHERE id = 1")
        source.holds("notes", {"1": "the bridge is closed", "2": "the bridge is old"})
        both = {"1": "the bridge is open", "2": "the bridge is old"}
        assert eventually(partial(asked, parts, then), both) == both
        later = now_of(database)
        news = {**both, "1": "the bridge is closed"}
        assert eventually(partial(asked, parts, later), news) == news
        database.execute(f"DELETE FROM {SOURCE}.notes WHERE id = 1")
        source.holds("notes", {"2": "the bridge is old"})
        assert eventually(partial(asked, parts, then), {"2": "the bridge is old"}) == {"2": "the bridge is old"}
