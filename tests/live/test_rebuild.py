"""A rebuild beside the running product: no question fails or misses a record, nothing goes back, same rows."""

import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import live_stage
import psutil
import psycopg
import pytest
from rebuild_live import WAIT_S, differences, generations_of, live, rebuilt, rows, started

import freshline
from index.generations import Hold
from index.milvus_generations import MilvusGenerations
from infra.local.processes import Record
from query.ask import ask
from schemas.answer import Question
from schemas.errors import Refused
from schemas.settings import Settings
from streams.live_indexer import LONGEST_HOLD

pytestmark = [pytest.mark.live, pytest.mark.long]

SUBJECT = "Lantern order of Heron Lake Lodge"
BGE = "BAAI/bge-small-en-v1.5"
within = partial(live_stage.within, seconds=WAIT_S)


@dataclass
class Ticket:
    """A ticket whose text counts up, as alice sees it through the API."""

    settings: Settings
    company: psycopg.Connection[Any]
    number: int
    count: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)

    def rewrite(self) -> int:
        """The number that the text now tells of; the next one up, whoever writes."""
        with self.turn:
            self.count += 1
            self.company.execute(
                "UPDATE helpdesk.tickets SET body = %s, updated_at = now() WHERE id = %s",
                [f"There are now exactly {self.count} lanterns in the crate.", self.number],
            )
            return self.count

    def follows(self, what: str) -> None:
        """An update made now is shown in time."""
        count = self.rewrite()
        within(what, lambda: self.shows(count))

    def seen(self) -> int | None:
        """The count in the answer; None if the ticket is not in it. Raises Refused."""
        here = freshline.settings_of(self.settings.home)
        question = Question(query=f"{SUBJECT}: how many lanterns are in the crate?", limit=5)
        hits = ask(freshline.api_url(here), freshline.token_for(here, "alice"), question).hits
        texts = [hit.text for hit in hits if hit.record_id == f"helpdesk/helpdesk.tickets/{self.number}"]
        found = re.search(r"exactly (\d+) lanterns", texts[0]) if texts else None
        return int(found[1]) if found else None

    def shows(self, count: int) -> Literal[True] | None:
        try:
            return True if (self.seen() or 0) >= count else None
        except Refused:
            return None


@pytest.fixture
def ticket(settings: Settings, company: psycopg.Connection[Any]) -> Iterator[Ticket]:
    row = company.execute(
        """INSERT INTO helpdesk.tickets (tenant_id, team_id, owner_email, subject, body, region)
           VALUES ('acme', 11, NULL, %s, 'There are now exactly 0 lanterns in the crate.', 'north') RETURNING id""",
        [SUBJECT],
    ).fetchone()
    assert row is not None
    ticket = Ticket(settings, company, int(row[0]))
    ticket.follows("the ticket")
    yield ticket
    company.execute("DELETE FROM helpdesk.tickets WHERE id = %s", [ticket.number])


@dataclass
class Watch:
    """What readers saw who asked all the time."""

    asked: int = 0
    wrong: list[str] = field(default_factory=list)


@contextmanager
def watched(ticket: Ticket) -> Iterator[Watch]:
    """Two readers ask and one writer updates without pause; whatever is refused, missing or older is wrong."""
    watch, over = Watch(), threading.Event()

    def read() -> None:
        last = 0
        while not over.wait(0.2):
            try:
                seen = ticket.seen()
            except Exception as error:
                watch.wrong.append(f"{type(error).__name__}: {error}")
                continue
            watch.asked += 1
            if seen is None or seen < last:
                watch.wrong.append(f"{seen} after {last}")
            last = max(last, seen or 0)

    def write() -> None:
        while not over.wait(0.3):
            ticket.rewrite()

    threads = [threading.Thread(target=work) for work in (read, read, write)]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        over.set()
        for thread in threads:
            thread.join(WAIT_S)
        assert not any(thread.is_alive() for thread in threads)


@pytest.fixture
def generations(settings: Settings) -> MilvusGenerations:
    return generations_of(settings)


def test_questions_go_on_while_the_index_is_rebuilt_and_its_rows_are_the_same(
    settings: Settings, ticket: Ticket, generations: MilvusGenerations
) -> None:
    before = live(generations).number
    with watched(ticket) as watch:
        rebuilt(settings)
        after = live(generations).number
        ticket.follows("updates after the switch")
    assert watch.wrong == []
    assert watch.asked > 20
    assert after > before
    within("the last update", lambda: ticket.shows(ticket.count))
    with watched(ticket) as watch:
        rebuilt(settings, "--rollback")
    assert watch.wrong == []
    assert live(generations).number == before
    within("the last update in the old one", lambda: ticket.shows(ticket.count))
    rebuilt(settings, "--rollback")
    assert live(generations).number == after
    old, new = rows(settings, before), rows(settings, after)
    assert differences(old, new) == []
    assert len(new) > 1000


@pytest.fixture
def other_model(settings: Settings) -> Iterator[None]:
    """Another model of the same dimension on this machine: the offline one's weights with that one's settings."""
    models = settings.home / "models"
    shared = models.resolve()
    models.unlink()
    models.mkdir()
    prepared = models / "all-MiniLM-L6-v2"
    prepared.symlink_to(shared / "all-MiniLM-L6-v2")
    cache = models / "hub" / "models--Qdrant--bge-small-en-v1.5-onnx-Q"
    shutil.copytree(prepared, cache / "snapshots" / "abc")
    (cache / "snapshots" / "abc" / "model.onnx").rename(cache / "snapshots" / "abc" / "model_optimized.onnx")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("abc")
    yield
    shutil.rmtree(models)
    models.symlink_to(shared)


@pytest.mark.usefixtures("other_model")
def test_a_killed_rebuild_harms_nobody_and_the_next_one_brings_another_model_without_a_wrong_answer(
    settings: Settings, ticket: Ticket, generations: MilvusGenerations
) -> None:
    before = live(generations)
    with watched(ticket) as watch:
        doomed = started(settings)
        half = within("a half-built generation", lambda: filled(settings, generations, before.number))
        doomed.send_signal(signal.SIGKILL)
        doomed.communicate()
        ticket.follows("updates after the kill")
        assert live(generations).number == before.number
        rebuilt(settings, FRESHLINE_MODEL=BGE)
        now = live(generations)
        assert (now.model.name, now.number) == (BGE, half + 1)
        ticket.follows("updates by the other model")
        assert [one.number for one in generations.all()] == [before.number, now.number]
        rebuilt(settings, "--rollback")
        ticket.follows("updates after going back")
    assert watch.wrong == []
    assert live(generations).model == before.model
    assert "dropped" in rebuilt(settings, "--drop-old")
    assert [one.number for one in generations.all()] == [before.number]
    assert ticket.shows(1)


def filled(settings: Settings, generations: MilvusGenerations, before: int) -> int | None:
    """The number of a generation that a rebuild has begun to fill."""
    newest = generations.all()[-1]
    return newest.number if newest.number > before and newest.fed is None and rows(settings, newest.number) else None


def test_a_worker_that_comes_during_a_pause_waits_and_a_pause_nobody_ends_is_forgotten(
    settings: Settings, ticket: Ticket, generations: MilvusGenerations
) -> None:
    number = live(generations).number
    generations.hold(number, Hold("forgotten", number + 1))
    began = time.monotonic()
    try:
        record = Record.read(settings.home / "pids" / "worker.json")
        assert record is not None
        for child in psutil.Process(record.pid).children():
            child.kill()
        count = ticket.rewrite()
        within("the update after the pause", lambda: ticket.shows(count))
        assert time.monotonic() - began > LONGEST_HOLD
    finally:
        generations.hold(number, None)


def test_two_rebuilds_at_once_are_refused(settings: Settings, ticket: Ticket, generations: MilvusGenerations) -> None:
    before = live(generations).rebuild
    one = started(settings)
    try:
        within("the first one's turn", lambda: live(generations).rebuild not in ("", before) or None)
        other = started(settings, "--drop-old")
        said, _ = other.communicate(timeout=60)
        assert (other.returncode, "under way" in said) == (2, True), said
    finally:
        one.kill()
        one.communicate()
    rebuilt(settings, "--drop-old")
    assert len(generations.all()) == 1
