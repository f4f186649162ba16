"""What a source holds and what waits: rows, backlog, dead letters. Over all tenants, so for operators only."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from connectors.kafka_offsets import KafkaOffsets
from connectors.status import Queues
from query.freshness.letters import Tally, tally_of
from schemas.answer import SourceFreshness, SourceStatus
from schemas.contract import Contract
from schemas.errors import NotAvailable, Unavailable
from schemas.settings import Settings
from schemas.topics import CHANGES

log = logging.getLogger("freshline.query")
REPLY_S = 1.0
"""For each question to Kafka."""
NEW_S, OLD_S, PATIENCE_S = 1.0, 10.0, 1.5
"""Seconds: what is younger is not read again, what is older is not told; how long one asker waits for a reading."""

Rows = Callable[[str], int]
"""How many records of a source are searchable. Raises NotAvailable."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one source. What is not known is None. `letters`: reason -> open dead letters."""

    rows: int | None = None
    backlog: int | None = None
    letters: Mapping[str, int] | None = None

    @property
    def dead_letters(self) -> int | None:
        return None if self.letters is None else sum(self.letters.values())

    @property
    def current_share(self) -> float | None:
        """At least this share of the rows is as the source had it; a change of one row is taken to make one stale."""
        if self.rows is None or self.backlog is None or self.dead_letters is None:
            return None
        behind = self.backlog + self.dead_letters
        return 1.0 if behind == 0 else max(0.0, 1 - behind / self.rows) if self.rows else 0.0


def with_counts(status: SourceStatus, counts: Counts) -> SourceFreshness:
    """The status, for who may know all of it."""
    return SourceFreshness(
        **status.model_dump(),
        rows=counts.rows,
        backlog=counts.backlog,
        dead_letters=counts.dead_letters,
        current_share=counts.current_share if status.state == "fresh" else None,
    )


class Reading:
    """Reads the counts of all sources; of a part that is away nothing is known. Blocking; for one thread at a time."""

    def __init__(self, contracts: Sequence[Contract], group: KafkaOffsets, tally: Tally, rows: Rows) -> None:
        self._contracts = contracts
        self._group = group
        self._tally = tally
        self._rows = rows

    def __call__(self) -> dict[str, Counts]:
        backlogs, letters = self._backlogs(), self._letters()
        return {
            c.source: Counts(self._count(c.source), backlogs.get(c.source), letters.get(c.source))
            for c in self._contracts
        }

    def _backlogs(self) -> dict[str, int]:
        topics = {topic for contract in self._contracts for topic in contract.raw_topics()} | {CHANGES}
        try:
            ends = self._group.end_offsets(topics)
            queues = Queues(self._group.begin_offsets(topics), ends, self._group.committed(topics))
        except Unavailable:
            return {}
        return {c.source: queues.waiting([*c.raw_topics(), CHANGES]) for c in self._contracts}

    def _letters(self) -> dict[str, dict[str, int]]:
        try:
            tallied = self._tally.counted()
        except Unavailable:
            return {}
        found: dict[str, dict[str, int]] = {contract.source: {} for contract in self._contracts}
        for (source, reason), count in sorted(tallied.items()):
            found.setdefault(source, {})[reason] = count
        return found

    def _count(self, source: str) -> int | None:
        try:
            return self._rows(source)
        except (NotAvailable, Unavailable):
            return None


class Latest:
    """The counts as they were a moment ago, without making anybody wait long: one thread reads, and only when asked.

    Safe with several threads. `read` gives the counts by source, and may take its time.
    """

    def __init__(self, read: Callable[[], Mapping[str, Counts]], steady: Callable[[], float] = time.monotonic) -> None:
        self._read, self._steady = read, steady
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="counts")
        self._lock = threading.Lock()
        self._running: Future[None] | None = None
        self._known: Mapping[str, Counts] = {}
        self._at: float | None = None

    def __call__(self, patience_s: float = PATIENCE_S) -> Mapping[str, Counts]:
        """Source -> its counts, at most OLD_S old; empty where they cannot be had within `patience_s`."""
        with self._lock:
            if self._at is not None and self._steady() - self._at < NEW_S:
                return self._known
            if self._running is None or self._running.done():
                self._running = self._pool.submit(self._refresh)
            running = self._running
        wait([running], patience_s)
        with self._lock:
            return self._known if self._at is not None and self._steady() - self._at < OLD_S else {}

    def _refresh(self) -> None:
        asked_at = self._steady()
        try:
            found = self._read()
        except Exception as error:  # they are for show: whatever it was, the next who asks may get them
            log.warning("the counts of the sources could not be read: %s", type(error).__name__)
            return
        with self._lock:
            self._known, self._at = found, asked_at


def reading_of(settings: Settings, contracts: Sequence[Contract], rows: Rows) -> Reading:
    """The real parts."""
    group = KafkaOffsets(settings.kafka, settings.group, REPLY_S)
    return Reading(contracts, group, tally_of(settings.kafka, REPLY_S), rows)
