"""Minutes without Milvus, and a minute without Kafka, while rows change: nothing lost, no crash, flat memory."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import live_stage
import psutil
import psycopg
import pytest

import freshline
from infra.local.provider import StackProvider
from query.ask import ask
from schemas.answer import Question
from schemas.errors import Refused
from schemas.settings import Settings

pytestmark = [pytest.mark.live, pytest.mark.long]

MB = 2**20
BODY = 150_000
"""Characters of each version of the row: what piles up while a part is away is many times what may be held."""
PAUSE_S = 0.03
HELD_MB = 150
"""What a worker may hold more than before: its batches, and what it has fetched ahead."""
within = partial(live_stage.within, seconds=300.0)


@dataclass
class Load:
    """A row that changes all the time."""

    settings: Settings
    ticket: int
    versions: int = 0
    last: str = ""
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        draw = Random(1)
        filler = " ".join(draw.choice(("saddle", "girth", "bridle", "stirrup", "halter")) for _ in range(BODY // 7))
        with psycopg.connect(freshline.dsn(self.settings), autocommit=True) as company:
            while not self._stop.is_set():
                self.last = f"Version {self.versions} of the order."
                company.execute(
                    "UPDATE helpdesk.tickets SET body = %s, updated_at = now() WHERE id = %s",
                    [f"{self.last}\n\n{filler}{self.versions}", self.ticket],
                )
                self.versions += 1
                self._stop.wait(PAUSE_S)

    @contextmanager
    def going(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(30)


def worker(settings: Settings) -> psutil.Process:
    supervisor = psutil.Process(json.loads((settings.home / "pids" / "worker.json").read_text())["pid"])
    return within("a worker", lambda: next(iter(supervisor.children()), None))


def shown(settings: Settings, load: Load) -> bool | None:
    """Whether the newest version is answered."""
    here = freshline.settings_of(settings.home)
    question = Question(query=f"Saddle order of Linden Riding School: {load.last}", limit=5)
    try:
        hits = ask(freshline.api_url(here), freshline.token_for(here, "alice"), question).hits
    except Refused:
        return None
    mine = [hit for hit in hits if hit.record_id == f"helpdesk/helpdesk.tickets/{load.ticket}"]
    return any(load.last in hit.text for hit in mine) or None


@pytest.mark.parametrize(("part", "away_s"), [("milvus", 120), ("kafka", 60)])
def test_what_was_committed_while_a_part_was_away_is_answered_and_memory_stays_flat(
    settings: Settings,
    provider: StackProvider,
    company: psycopg.Connection[Any],
    part: str,
    away_s: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    load = Load(settings, live_stage.new_ticket(company, "Saddle order of Linden Riding School"))
    before = worker(settings)
    held = Held(before)
    with load.going():
        within("some versions", lambda: load.versions > 30 or None)
        held.start()
        provider.kill(part)
        held.watch(away_s)
        committed = load.versions * BODY / MB
        provider.up()
        held.watch(10)
    within("the last version", lambda: shown(settings, load))
    held.watch(1)
    told = f"{part} away for {away_s} s: {committed:.0f} MB committed meanwhile, {held.told()}"
    with capsys.disabled():
        sys.stdout.write(f"\n{told}\n")
    assert worker(settings) == before, "the worker did not survive"
    assert committed > 1.5 * HELD_MB, f"too little to tell: {told}"
    assert held.most - held.at_first < HELD_MB, told


class Held:
    """Resident memory of a process, in MB, looked at once a second."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.at_first = self.most = self._now()

    def start(self) -> None:
        self.at_first = self.most = self._now()

    def watch(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            threading.Event().wait(1.0)
            self.most = max(self.most, self._now())

    def told(self) -> str:
        return f"worker {self.at_first:.0f} MB before, {self.most:.0f} MB at most"

    def _now(self) -> float:
        return float(self._process.memory_info().rss) / MB
