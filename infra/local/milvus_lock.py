"""A fair reader/writer lock for the Milvus Lite server.

Milvus Lite promises correct reads beside reads, and nothing beside a write. So reads share, writes are alone,
and the two take turns: a waiting writer keeps new readers out (writers are preferred), and when a writer is
done everyone who was waiting to read goes in before the next writer (readers cannot starve).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class PhaseFairLock:
    """Many readers or one writer, in alternating phases.

    A reader waits for at most one writer; a writer waits for at most one group of readers and for the writers
    that came before it (first come, first served). Not re-entrant: a thread taking it twice blocks for ever.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers_inside = 0
        self._readers_waiting = 0
        self._writer_inside = False
        self._next_ticket = 0  # handed to the next writer that comes
        self._now_serving = 0  # ticket of the next writer to go in
        self._read_phase = 0  # grows each time a writer lets the waiting readers in

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the lock together with other readers."""
        self._enter_reader()
        try:
            yield
        finally:
            self._leave_reader()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock alone."""
        self._enter_writer()
        try:
            yield
        finally:
            self._leave_writer()

    def waiting(self) -> tuple[int, int]:
        """Number of readers and of writers that are blocked right now."""
        with self._changed:
            return self._readers_waiting, self._next_ticket - self._now_serving

    def _enter_reader(self) -> None:
        with self._changed:
            writers_first = self._writer_inside or self._next_ticket > self._now_serving
            if not writers_first:
                self._readers_inside += 1
                return
            phase = self._read_phase
            self._readers_waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._read_phase != phase)

    def _leave_reader(self) -> None:
        with self._changed:
            self._readers_inside -= 1
            self._changed.notify_all()

    def _enter_writer(self) -> None:
        with self._changed:
            ticket = self._next_ticket
            self._next_ticket += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_turn_of(ticket))
            self._now_serving += 1
            self._writer_inside = True

    def _leave_writer(self) -> None:
        with self._changed:
            self._writer_inside = False
            # Counted in by the leaving writer, so that no later writer can slip in before they wake up.
            self._readers_inside += self._readers_waiting
            self._readers_waiting = 0
            self._read_phase += 1
            self._changed.notify_all()

    def _is_turn_of(self, ticket: int) -> bool:
        return ticket == self._now_serving and not self._writer_inside and self._readers_inside == 0
