"""Who gives a place in the log reads what was committed before it; who refuses staleness gets none."""

import itertools
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import live_stage
import psutil
import psycopg
import pytest

import freshline
from infra.demo.steps import percentile
from query.ask import ask
from schemas.answer import Answer, Question
from schemas.errors import NotYetSearchable, TooStale
from schemas.settings import Settings

pytestmark = pytest.mark.live

AT_ONCE = 8
TRIES_AGAIN = 6
"""How often a question is asked again that waited in vain; a miss is an answer without the write, not a refusal."""
BULK_EVERY = 25
"""Every so many writes are the last of a transaction that rewrites every ticket and comment."""
GOODS = [
    "saddles",
    "ropes",
    "lanterns",
    "kettles",
    "pianos",
    "magnets",
    "curtains",
    "compasses",
    "blankets",
    "violins",
    "hammers",
    "tulips",
    "mirrors",
    "ladders",
    "teapots",
    "barrels",
    "candles",
    "umbrellas",
    "anvils",
    "carpets",
    "globes",
    "whistles",
    "bottles",
    "helmets",
    "needles",
    "ribbons",
    "stamps",
    "trumpets",
]
"""What a parcel holds: eight of them, so that no two texts are much alike."""
BUDGET_S = 2.0
FROZEN_S = 4.0

Asks = Callable[[Question], Answer]


@pytest.fixture
def asks(settings: Settings) -> Asks:
    """Ask as alice, over HTTP."""
    here = freshline.settings_of(settings.home)
    token = freshline.token_for(here, "alice", seconds=600)
    return partial(ask, freshline.api_url(here), token)


@dataclass
class Outcome:
    """Of all tries: answers without the write; seconds from commit to answer; questions that waited in vain."""

    misses: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def write(connection: psycopg.Connection[Any], ticket: int, body: str, bulk: bool) -> str:
    """Commit a new body; the commit token, as any writer gets it."""
    with connection.transaction():
        if bulk:
            connection.execute("UPDATE helpdesk.tickets SET updated_at = updated_at WHERE id <> %s", [ticket])
            connection.execute("UPDATE helpdesk.comments SET updated_at = updated_at")
        connection.execute("UPDATE helpdesk.tickets SET body = %s, updated_at = now() WHERE id = %s", [body, ticket])
    found = connection.execute("SELECT pg_current_wal_lsn()::text").fetchone()
    assert found is not None
    return str(found[0])


def one_try(connection: psycopg.Connection[Any], asks: Asks, ticket: int, number: int, outcome: Outcome) -> None:
    body = f"Parcel {random.randrange(10**9)} for Linden Riding School: {' '.join(random.sample(GOODS, 8))}."
    token = write(connection, ticket, body, bulk=number % BULK_EVERY == BULK_EVERY - 1)
    began = time.monotonic()
    question = Question(query=body, limit=20, sources=["helpdesk"], after={"helpdesk": token}, wait_seconds=6)
    for _ in range(TRIES_AGAIN):
        try:
            answer = asks(question)
        except NotYetSearchable as refused:
            outcome.refused[refused.code] += 1
            continue
        outcome.waits.append(time.monotonic() - began)
        wanted = f"helpdesk/helpdesk.tickets/{ticket}"
        if not any(hit.record_id == wanted and hit.text == body for hit in answer.hits):
            outcome.misses.append(f"{body} at {token}, answered at {answer.sources[0].position}")
        return
    outcome.misses.append(f"{body} at {token}: never answered")


def tried(settings: Settings, asks: Asks, count: int) -> Outcome:
    """`count` writes and questions by writers that do not wait for each other, and load beside them."""
    outcome, numbers = Outcome(), itertools.count()

    def writer(number: int) -> None:
        with psycopg.connect(freshline.dsn(settings), autocommit=True) as own:
            ticket = live_stage.new_ticket(own, f"Crates of writer {number}")
            while (one := next(numbers)) < count:
                one_try(own, asks, ticket, one, outcome)

    with load(settings), ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(writer, range(AT_ONCE)))
    return outcome


@contextmanager
def load(settings: Settings) -> Iterator[None]:
    """Meanwhile rows of the same source get new text, which must be embedded: about 20 a second."""
    over = threading.Event()

    def rewrite() -> None:
        with psycopg.connect(freshline.dsn(settings), autocommit=True) as own:
            ids = [row[0] for row in own.execute("SELECT id FROM helpdesk.comments ORDER BY id LIMIT 200")]
            while not over.wait(0.25):
                some = random.sample(ids, 5)
                text = f"Asked again, number {random.randrange(10**9)}."
                own.execute("UPDATE helpdesk.comments SET body = %s WHERE id = ANY(%s)", [text, some])

    thread = threading.Thread(target=rewrite)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def told(outcome: Outcome) -> str:
    p50, p99 = (percentile(outcome.waits, share) for share in (0.5, 0.99))
    return (
        f"read your writes: {len(outcome.waits)} answered, {len(outcome.misses)} misses, "
        f"{outcome.refused.total()} waited in vain; commit to answer p50 {p50:.2f} s, p99 {p99:.2f} s"
    )


@pytest.mark.parametrize("count", [25, pytest.param(500, marks=pytest.mark.long)])
def test_a_question_after_a_write_never_misses_it(settings: Settings, asks: Asks, count: int) -> None:
    outcome = tried(settings, asks, count)
    print(told(outcome))  # noqa: T201  # with -s the figures are shown
    assert outcome.misses == []
    assert len(outcome.waits) == count


def test_a_place_that_the_log_has_not_reached_is_refused(asks: Asks) -> None:
    with pytest.raises(NotYetSearchable, match="helpdesk"):
        asks(Question(query="crates", after={"helpdesk": "FFFFFFFF/0"}, wait_seconds=0.5))


def test_what_must_not_be_stale_is_never_older_than_allowed_while_the_worker_stands_still(
    settings: Settings, asks: Asks, company: psycopg.Connection[Any]
) -> None:
    ticket = live_stage.new_ticket(company, "Stamps of Linden Riding School")
    subject = f"helpdesk/helpdesk.tickets/{ticket}"
    question = Question(
        query="Linden Riding School counts stamps",
        sources=["helpdesk"],
        limit=50,
        max_staleness_seconds=BUDGET_S,
        on_stale="fail",
    )
    committed = [(0, time.time())]
    seen = Counter[str]()

    def count_once() -> None:
        number = committed[-1][0] + 1
        write(company, ticket, f"Linden Riding School counts {number} stamps.", bulk=False)
        committed.append((number, time.time()))
        try:
            answer = asks(question)
        except TooStale:
            seen["refused"] += 1
            return
        due = max(n for n, at in committed if at * 1000 <= answer.answered_ms - BUDGET_S * 1000 or n == 0)
        shown = [int(hit.text.split()[4]) for hit in answer.hits if hit.record_id == subject and "counts" in hit.text]
        assert due == 0 or (shown and shown[0] >= due), f"{due} was committed in time, {shown} is shown"
        assert [source.verdict for source in answer.sources] == ["within"]
        seen["answered"] += 1

    def count_for(seconds: float) -> Counter[str]:
        seen.clear()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            count_once()
            time.sleep(0.05)
        return Counter(seen)

    assert count_for(BUDGET_S + 1)["answered"] > 0
    with stopped_worker(settings.home):
        assert count_for(FROZEN_S)["refused"] > 0
    live_stage.within("answers are given again", lambda: count_for(0.5)["answered"] or None, 60)


@contextmanager
def stopped_worker(home: Path) -> Iterator[None]:
    """The stream job's processes stand still meanwhile."""
    supervisor = psutil.Process(json.loads((home / "pids" / "worker.json").read_text())["pid"])
    stopped = supervisor.children(recursive=True)
    assert stopped
    for process in stopped:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            os.kill(process.pid, signal.SIGCONT)
