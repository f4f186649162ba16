"""The decision log in memory: the double of the stores that last."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock

from query.decisions.entry import Entry
from query.decisions.store import Make, Role, Runs
from schemas.decision import Kind


class MemoryDecisions:
    """A DecisionStore that ends with its process. `entries` is open to tests that tamper with it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._lock = Lock()
        self._turns: defaultdict[Role, Lock] = defaultdict(Lock)

    def append(self, make: Make, erased: Runs = ()) -> None:
        with self._lock:
            made = list(make(self.entries[-1].sequence + 1 if self.entries else 1))
            kept = [replace(e, payload=None) if _within(e.sequence, erased) else e for e in self.entries]
            self.entries = [*kept, *made]

    def read(self, after: int, limit: int) -> list[Entry]:
        with self._lock:
            return [entry for entry in self.entries if entry.sequence > after][:limit]

    def read_back(self, tenant: str, before: int | None, limit: int) -> list[Entry]:
        with self._lock:
            below = [entry for entry in reversed(self.entries) if before is None or entry.sequence < before]
        return [entry for entry in below if entry.opened().tenant == tenant][:limit]

    def find(self, record_id: str | None = None, kind: Kind | None = None, limit: int = 1) -> list[Entry]:
        found: list[Entry] = []
        with self._lock:
            for entry in reversed(self.entries):
                envelope = entry.opened()
                if record_id in (None, envelope.id) and kind in (None, envelope.kind) and len(found) < limit:
                    found.append(entry)
        return found

    def rows_shown(self, revocation_ids: Collection[str]) -> int:
        with self._lock:
            envelopes = [entry.opened() for entry in self.entries]
        return sum(envelope.rows for envelope in envelopes if set(envelope.chain) & set(revocation_ids))

    @contextmanager
    def lead(self, role: Role) -> Iterator[bool]:
        turn = self._turns[role]
        leading = turn.acquire(blocking=False)
        try:
            yield leading
        finally:
            if leading:
                turn.release()


def _within(sequence: int, runs: Runs) -> bool:
    return any(first <= sequence <= last for first, last in runs)
