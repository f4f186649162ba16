"""Continuous readers: one looks into the index, one asks as people do. Each keeps its own watch."""

import time
from collections.abc import Callable
from random import Random
from threading import Event, Thread

from infra.chaos import words
from infra.chaos.product import Product
from infra.chaos.tables import PEOPLE
from infra.chaos.timeline import Timeline
from infra.chaos.watch import AnswerWatch, Findings, RecordWatch
from infra.chaos.workload import Touched
from schemas.errors import FreshlineError

EVERY_S = 0.1
RECORDS_A_LOOK = 60
HITS_AN_ANSWER = 20


class Readers:
    """Two threads until stopped. `refused` counts looks that got no answer: a part was away."""

    def __init__(self, product: Product, timeline: Timeline, touched: Touched, seed: int) -> None:
        self._product, self._touched = product, touched
        self._records, self._answers = RecordWatch(timeline), AnswerWatch(timeline)
        self._random = {name: Random(f"{seed}/{name}") for name in ("look", "ask")}
        self._watermark_ms = 0
        self._stopping = Event()
        self.looks = self.answers = self.refused = 0
        self.failures: list[str] = []
        """Of a reader itself: then nothing was watched any more, so the run is worth nothing."""
        self._threads = [
            Thread(target=self._repeat, args=(one,), name=one.__name__, daemon=True) for one in (self._look, self.ask)
        ]

    @property
    def found(self) -> Findings:
        one, other = self._records.found, self._answers.found
        return Findings(one.regressions + other.regressions, one.resurrections + other.resurrections, other.leaks)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60.0)

    def ask(self) -> None:
        """One question of a person, judged."""
        person, question = self._random["ask"].choice(PEOPLE), words.text(self._random["ask"], 6)
        answer = self._product.ask(person, question, HITS_AN_ANSWER)
        self._answers.look(person, answer, time.time() * 1000)
        self._watermark_ms = max([self._watermark_ms, *(status.watermark_ms or 0 for status in answer.sources)])
        self.answers += 1

    def _look(self) -> None:
        """One look at the records touched last and at some others, judged."""
        recent, others = self._touched.look()
        chosen = recent[-RECORDS_A_LOOK // 2 :]
        chosen += self._random["look"].sample(others, min(len(others), RECORDS_A_LOOK // 2))
        watermark_ms = self._watermark_ms
        self._records.look(self._product.held(sorted(set(chosen))), watermark_ms)
        self.looks += 1

    def _repeat(self, once: Callable[[], None]) -> None:
        while not self._stopping.wait(EVERY_S):
            try:
                once()
            except FreshlineError:
                self.refused += 1
            except Exception as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                return
