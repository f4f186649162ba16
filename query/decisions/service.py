"""The decision log as the API runs it: the store, the recorder, and beside them who signs heads and who copies.

Both work in threads of their own, every few seconds and once more at the end, one process at a time. What keeps them
from it is logged once, and again when it changes; answers go on: each entry is sealed on its own.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from query.clock import system_clock
from query.decisions.heads import NOTE, Sealer
from query.decisions.keys import PUBLIC, audit_folder, load_or_make_key, load_public
from query.decisions.publish import KafkaCopies, Publisher
from query.decisions.recorder import Recorder
from query.decisions.store import DecisionStore, Role
from schemas.errors import FreshlineError
from schemas.settings import Settings

log = logging.getLogger("freshline.query")
EVERY_S = 5.0
STOP_S = 10.0
FILE = Path("decisions", "decisions.db")

Work = Callable[[], object]


def open_store(settings: Settings) -> DecisionStore:
    """SQLite under the home, or PostgreSQL where a URL is set. Raises Misconfigured, Unavailable."""
    if settings.decisions_url:
        from query.decisions.postgres import PostgresDecisions

        return PostgresDecisions(settings.decisions_url, settings.decisions_password_file)
    from query.decisions.sqlite import SqliteDecisions

    return SqliteDecisions(settings.home / FILE)


class DecisionLog:
    """`recorder` is ready at once; `start` and `stop` are for what goes on beside it."""

    def __init__(self, settings: Settings) -> None:
        folder = audit_folder(settings.home)
        store, key = open_store(settings), load_or_make_key(folder)
        public = load_public(folder / PUBLIC)
        self.recorder = Recorder(store, key)
        self._keepers = [
            Keeper(store, "seal", lambda: Sealer(store, key, public, folder / NOTE, _now_ms).seal),
            Keeper(store, "copy", lambda: Publisher(store, KafkaCopies(settings.kafka)).publish),
        ]

    def start(self) -> None:
        for keeper in self._keepers:
            keeper.start()

    def stop(self) -> None:
        """After the last answer: the final head is signed, then all is copied, each as far as that takes no longer
        than STOP_S. What is left, the next start does."""
        for keeper in self._keepers:
            keeper.stop()


class Keeper(threading.Thread):
    """Does a work of one process at a time again and again, until told to stop, and then once more.

    `begin` makes the work anew whenever this process becomes the one, or the work failed.
    """

    def __init__(self, store: DecisionStore, role: Role, begin: Callable[[], Work], every_s: float = EVERY_S) -> None:
        super().__init__(name=f"decisions-{role}", daemon=True)
        self._store, self._role, self._begin, self._every_s = store, role, begin, every_s
        self._stopping = threading.Event()
        self._trouble = ""

    def run(self) -> None:
        while not self._lead() and not self._stopping.wait(self._every_s):
            pass

    def stop(self) -> None:
        self._stopping.set()
        self.join(STOP_S)

    def _lead(self) -> bool:
        """Work until told to stop, and then True. False where another process does it, or when the work failed."""
        try:
            with self._store.lead(self._role) as leading:
                work, ended = self._begin(), False
                while leading and not ended:
                    ended = self._stopping.is_set()
                    work()
                    self._say("")
                    self._stopping.wait(self._every_s)
                return ended
        except FreshlineError as error:
            self._say(f"{error.code}: {error}")
        except Exception as error:  # words not ours may hold what was being written
            self._say(type(error).__name__)
        return False

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            said = trouble or "works again"
            log.log(logging.ERROR if trouble else logging.INFO, "decision log, %s: %s", self._role, said)
            self._trouble = trouble


def _now_ms() -> int:
    return system_clock().wall_ms
