"""Recovery: how long after a fault was healed a row committed then is an answer."""

import time
from random import Random
from threading import Event, Lock, Thread

from infra.chaos import words
from infra.chaos.database import Database
from infra.chaos.plans import Owned, Step, Transaction
from infra.chaos.product import Product
from infra.chaos.tables import COLUMNS, PROBER, PROBES, SOURCE
from infra.chaos.timeline import Access
from infra.chaos.workload import Workload
from schemas.errors import FreshlineError

EVERY_S = 0.1
LAST_TRIES = 30
"""For what is still no answer when the index is complete: a try may meet an API that is busy."""
JOIN_S = 120.0


class Recovery:
    """One probe a fault, each in a thread of its own. `taken` in milliseconds, by fault; `lost` never were an answer.

    The measure is honest, not flattering: it holds what other faults, and the backlog they left, cost meanwhile.
    """

    def __init__(self, dsn: str, product: Product, workload: Workload, seed: int) -> None:
        self._dsn, self._product, self._workload = dsn, product, workload
        self._random = Random(f"{seed}/probes")
        self._lock = Lock()
        self._threads: list[Thread] = []
        self._finished = Event()
        self.taken: list[tuple[str, float]] = []
        self.lost: list[str] = []

    def probe(self, kind: str) -> None:
        """Called when a fault was healed; returns at once."""
        with self._lock:
            number = len(self._threads) + 1
            thread = Thread(target=self._probe, args=(kind, number, words.text(self._random, 6)), daemon=True)
            self._threads.append(thread)
        thread.start()

    def finish(self) -> None:
        """The index says that it is complete: what is not an answer now never will be."""
        self._finished.set()
        for thread in self._threads:
            thread.join(JOIN_S)

    def _probe(self, kind: str, number: int, text: str) -> None:
        healed = time.monotonic()
        self._commit(number, text)
        record = PROBES.record_id((number,))
        answered, tries_left = False, LAST_TRIES
        while not answered and tries_left:
            time.sleep(EVERY_S)
            tries_left -= self._finished.is_set()
            answered = self._answered(text, record)
        if answered:
            self.taken.append((kind, (time.monotonic() - healed) * 1000))
        else:
            self.lost.append(f"{record} after {kind}")

    def _commit(self, number: int, text: str) -> None:
        database, owned = Database(self._dsn, Event()), Owned()
        columns = ", ".join(("id", *COLUMNS))
        query = f"INSERT INTO {SOURCE}.{PROBES.name} ({columns}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
        access, place = Access(PROBER.tenant, PROBER.name, "none", None), (PROBES.name, (number,))
        values = (number, access.tenant, access.owner, access.team, access.barred, "probe", text, 1)
        step = Step(query, values, {place: access})
        while place not in owned.rows:
            self._workload.carry_out(database, Transaction((step,)), owned)
        database.close()

    def _answered(self, text: str, record: str) -> bool:
        try:
            return any(hit.record_id == record for hit in self._product.ask(PROBER, text, 5).hits)
        except FreshlineError:
            return False
