"""One rebuild at a time: who is at it says so in the live generation, again and again, while it lives."""

import time
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from uuid import uuid4

from index.milvus_generations import MilvusGenerations
from schemas.errors import IndexUnavailable, Misconfigured

BEAT_S = 1.0
SILENCE_S = 15.0
"""Seconds without a beat after which a rebuild is dead."""


class Turn:
    """A context. Entering raises Misconfigured while another rebuild is alive; a dead one's turn is over."""

    def __init__(self, generations: MilvusGenerations, beat_s: float = BEAT_S, silence_s: float = SILENCE_S) -> None:
        self._generations, self._beat_s, self._silence_s = generations, beat_s, silence_s
        self._id, self._beats = uuid4().hex, 0
        self._over = Event()
        self._thread = Thread(target=self._go_on, name="rebuild-turn", daemon=True)
        self._number: int | None = None
        self._taken_over = False

    def __enter__(self) -> "Turn":
        live = self._generations.live()
        if live is None:  # then there is nowhere to say it, and nothing that could be harmed
            return self
        if live.rebuild and self._changes(live.number, live.rebuild):
            raise Misconfigured("another rebuild of this index is under way; let it finish, or stop it first")
        self._number = live.number
        self._beat()
        time.sleep(self._beat_s)
        if not self._ours():
            raise Misconfigured("another rebuild of this index has just begun; let it finish")
        self._thread.start()
        return self

    def require(self) -> None:
        """Raises Misconfigured if another rebuild has begun because this one was silent: it is that one's turn now."""
        if self._taken_over:
            raise Misconfigured("another rebuild has begun while this one stood still, so this one ends here")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._number is not None:
            self._over.set()
            self._thread.join()
            with suppress(IndexUnavailable):
                if self._ours():
                    self._generations.note_rebuild(self._number, "")

    def _changes(self, number: int, seen: str) -> bool:
        """Whether what is said there changes within the silence."""
        until = time.monotonic() + self._silence_s
        while time.monotonic() < until:
            time.sleep(self._beat_s / 4)
            now = self._generations.get(number)
            if now is not None and now.rebuild and now.rebuild != seen:
                return True
        return False

    def _ours(self) -> bool:
        now = None if self._number is None else self._generations.get(self._number)
        return now is not None and now.rebuild.startswith(self._id)

    def _beat(self) -> None:
        self._beats += 1
        if self._number is not None:
            self._generations.note_rebuild(self._number, f"{self._id}.{self._beats}")

    def _go_on(self) -> None:
        while not self._over.wait(self._beat_s):
            with suppress(IndexUnavailable):
                if not self._ours():
                    self._taken_over = True
                    return
                self._beat()
