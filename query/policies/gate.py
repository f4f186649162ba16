"""The gate every read passes: the policies as they are now, or a refusal while they are broken."""

import logging
from pathlib import Path
from threading import Event

from query.asker import Asker, Circumstances, Operation
from query.policies.engine import Engine, Judgement
from query.policies.folder import Reading, read_folder
from query.policies.policy_set import PoliciesInvalid, build
from query.policies.ruling import NO_POLICIES, Ruling
from query.policies.vocabulary import OF_RECORDS, Vocabulary
from schemas.errors import PolicyBroken

log = logging.getLogger("freshline.query.policies")
LOOK_EVERY_S = 0.25


class PolicyGate:
    """Without a folder there are no policies, and everything reached is permitted.

    With one, policies are checked before anything is answered (raises PoliciesInvalid with every mistake), and a
    change counts once two looks in a row found it, so that a half-copied folder is never taken for a whole one.
    Policies broken at run time refuse every question, until they are corrected. Safe with several threads.
    """

    def __init__(self, folder: Path | None, vocabulary: Vocabulary) -> None:
        self._folder, self._vocabulary = folder, vocabulary
        self._engine: Engine | None = None
        self._taken = self._seen = ""
        if folder is not None:
            reading = read_folder(folder)
            self._engine = Engine(build(folder, reading, vocabulary))
            self._taken = self._seen = reading.digest

    @property
    def version(self) -> str:
        """The content hash of the policies in force, `none` without any. Raises PolicyBroken."""
        engine = self._in_force()
        return NO_POLICIES if engine is None else engine.version

    def rule(self, asker: Asker, operation: Operation, circumstances: Circumstances) -> Ruling:
        """For search, get and explain; any other operation is permitted no record. Raises PolicyBroken."""
        engine = self._in_force()
        if engine is None:
            return Ruling()
        return Ruling(engine, engine.known(asker, operation, circumstances) if operation in OF_RECORDS else None)

    def permits(self, asker: Asker, operation: Operation, circumstances: Circumstances) -> Judgement:
        """For freshness, decide and audit; an operation about records is not permitted here. Raises PolicyBroken."""
        engine = self._in_force()
        if engine is None:
            return Judgement(True)
        known = engine.known(asker, operation, circumstances)
        return Judgement(False) if known is None else engine.permits_service(known)

    def refresh(self) -> None:
        """Look at the folder; take a change that was there at the last look already. Logs what is wrong with it."""
        if self._folder is None:
            return
        reading = read_folder(self._folder)
        if reading.digest != self._taken and reading.digest == self._seen:
            self._take(self._folder, reading)
        self._seen = reading.digest

    def watch(self, stopping: Event, every_s: float = LOOK_EVERY_S) -> None:
        """Refresh until told to stop. Blocking; for a thread of its own."""
        while not stopping.wait(every_s):
            try:
                self.refresh()
            except Exception:
                self._engine, self._taken = None, ""
                log.exception("policies cannot be read, so every question is refused")

    def _take(self, folder: Path, reading: Reading) -> None:
        try:
            self._engine = Engine(build(folder, reading, self._vocabulary))
            log.info("policies %s are in force", self._engine.version[:12])
        except PoliciesInvalid as error:
            self._engine = None
            log.error("policies are broken, so every question is refused until they are corrected:\n%s", error)
        self._taken = reading.digest

    def _in_force(self) -> Engine | None:
        engine = self._engine
        if engine is None and self._folder is not None:
            raise PolicyBroken()
        return engine
