"""A new generation of the index from freshline.changes, beside the live one, which it replaces at once.

    make it, empty ▸ read all changes into it ▸ near the end ask the writers to pause ▸ read the rest ▸ switch

Until the switch nothing reads it; after it the old generation is kept, with the offsets up to which it is complete, so
that a rollback only has to read on from there. A record is written by one process at a time: by this one before the
switch, by the workers after it. Whatever happens here, at any point, workers go on with the generation that is live: a
pause ends by itself, and what was half built is dropped by the next rebuild.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from uuid import uuid4

from pydantic import ValidationError

from index.generations import Generation, Hold
from schemas.change import Change
from schemas.errors import IndexUnavailable, Misconfigured, Rejected, Unavailable
from streams.change_log import ChangeLog, Places
from streams.dead_letters import dead_message
from streams.decode import RawEvent
from streams.indexes import Indexes
from streams.live_indexer import LONGEST_HOLD, Applier
from streams.rebuild_turn import Turn
from streams.send import Message

BATCH = 100
NEAR = 200
"""Messages left to read when the writers are asked to pause."""
HOLD_S = LONGEST_HOLD / 2
"""Seconds a pause may take; then it is given up, and tried again later."""
TRIES = 12
PATIENCE_S = 120.0
"""Seconds for which Kafka or Milvus may be away."""

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""(read, of how many), in messages of freshline.changes."""
log = logging.getLogger(__name__)


class Rebuild:
    """One rebuild, rollback or clearing up: call one method, once. Blocking.

    `workers` tells how many there are; `send` sends dead letters.
    """

    def __init__(
        self,
        indexes: Indexes,
        changes: ChangeLog,
        workers: Callable[[], int],
        send: Callable[[Sequence[Message]], None],
        progress: Progress,
    ) -> None:
        self._indexes, self._changes, self._workers, self._send = indexes, changes, workers, send
        self._generations = indexes.generations
        self._progress = progress
        self._turn = Turn(self._generations)
        self._refused: dict[str, tuple[RawEvent, Change, Rejected]] = {}

    def rebuild(self) -> tuple[Generation, int]:
        """Make a new generation with the settings' model and make it live; how many changes it could not take.

        Raises Misconfigured where this cannot be done, Unavailable where a part, or a worker, does not answer.
        """
        there = self._generations.all()
        if not there:
            raise Misconfigured("there is no index yet: a worker of the stream job makes it; run: freshline work")
        embedder = self._indexes.chosen()
        with self._turn:
            live = self._generations.live()
            for one in there:
                if one.fed is None and (live is None or one.number != live.number):
                    log.info("generation %d was never finished; it is dropped", one.number)
                    self._generations.drop(one.number)
            # A number is never used again: other processes may still remember a dropped one's fields.
            target = self._generations.make(max(one.number for one in there) + 1, embedder.spec)
            self._bring_up(live, target, {})
            for one in self._generations.all():
                if live is not None and one.number not in (live.number, target.number):
                    self._generations.drop(one.number)
            return target, self._tell_refused()

    def rollback(self) -> Generation:
        """Make the previous generation live again, after bringing it up to date. Raises as `rebuild`."""
        with self._turn:
            live = self._generations.live()
            others = [] if live is None else [one for one in self._generations.all() if one.number != live.number]
            kept = [(one, one.fed) for one in others if one.fed is not None]
            if not kept:
                raise Misconfigured("there is no previous generation to go back to")
            previous, complete_up_to = kept[-1]
            self._bring_up(live, previous, complete_up_to)
            self._tell_refused()
            return previous

    def drop_old(self) -> list[int]:
        """Remove every generation that is not live; their numbers."""
        with self._turn:
            live = self._generations.live()
            if live is None:
                raise Misconfigured("no generation is live, so none is old; run: freshline rebuild")
            old = [one.number for one in self._generations.all() if one.number != live.number]
            for number in old:
                self._generations.drop(number)
            return old

    def _bring_up(self, live: Generation | None, target: Generation, begin: Mapping[int, int]) -> None:
        applier = self._indexes.open_to_fill(target)
        _patiently(lambda: self._changes.begin_at(begin))
        for _ in range(TRIES):
            self._chase(applier)
            try:
                if self._switched(live, target, applier):
                    return
            except (Unavailable, IndexUnavailable) as error:
                log.warning("the switch failed: %s", error)
                if _patiently(self._generations.live_number) == target.number:
                    self._chase(applier)
                    return
            time.sleep(1.0)
        raise Unavailable(
            "the stream job",
            f"its workers did not all pause within {HOLD_S:g} s, {TRIES} times; the logs say why; nothing has changed",
        )

    def _chase(self, applier: Applier) -> None:
        """Read until little is left of what others write meanwhile."""
        while True:
            ends = _patiently(self._changes.ends)
            self._feed(applier, ends)
            if self._changes.left(_patiently(self._changes.ends)) <= NEAR:
                return

    def _switched(self, live: Generation | None, target: Generation, applier: Applier) -> bool:
        """Pause the writers, read the rest, switch, let them go on. False, and nothing changed, if it takes long."""
        hold, deadline = Hold(uuid4().hex, target.number), time.monotonic() + HOLD_S
        held = [one.number for one in (target, live) if one is not None]
        try:
            for number in held:
                self._generations.hold(number, hold)
            if live is not None and not self._paused(live.number, hold, deadline):
                return False
            if not self._feed(applier, self._changes.ends(), deadline):
                return False
            if live is not None:
                self._generations.note_fed(live.number, self._changes.committed())
            self._turn.require()
            if time.monotonic() > deadline:
                return False
            self._generations.switch(target.number)
            # What a worker wrote that was stopped before the pause and never knew of it. No worker acknowledges
            # what it wrote to a generation that is not live any more, so this is all there can be.
            self._feed(applier, self._changes.ends())
            return True
        finally:
            for number in reversed(held):
                self._generations.hold(number, None)

    def _paused(self, live: int, hold: Hold, deadline: float) -> bool:
        """Whether nobody writes: every partition's writer said so, or there is no worker."""
        wanted, asked = set(self._changes.places), time.monotonic()
        while time.monotonic() < deadline:
            now = self._generations.get(live)
            if now is not None and wanted <= now.held_for(hold):
                return True
            if time.monotonic() - asked > 1.0:
                if self._workers() == 0:
                    return True
                asked = time.monotonic()
            time.sleep(0.05)
        log.warning("not all workers paused within %g s; trying again", HOLD_S)
        return False

    def _feed(self, applier: Applier, ends: Places, deadline: float | None = None) -> bool:
        """Apply everything before `ends`. False if the deadline passed before."""
        while left := self._changes.left(ends):
            if deadline is not None and time.monotonic() > deadline:
                return False
            self._turn.require()
            self._apply(applier, _patiently(lambda: self._changes.read(BATCH)))
            self._progress(sum(ends.values()) - left, sum(ends.values()))
        self._progress(sum(ends.values()), sum(ends.values()))
        return True

    def _apply(self, applier: Applier, raws: Sequence[RawEvent]) -> None:
        origins: dict[int, RawEvent] = {}
        changes = []
        for raw in raws:
            try:
                changes.append(Change.model_validate_json(raw.value or b""))
            except ValidationError:
                continue  # no change: the worker that read it has made it a dead letter
            origins[id(changes[-1])] = raw
        if not changes:
            return
        done = _patiently(lambda: applier.apply(changes))
        for change in changes:
            self._refused.pop(change.record_id, None)
        for change, rejected in done.rejected:
            self._refused[change.record_id] = (origins[id(change)], change, rejected)

    def _tell_refused(self) -> int:
        """A dead letter for each record whose newest change this generation could not take; how many."""
        refused = self._refused.values()
        self._send([dead_message(raw, rejected, change.source, change.table) for raw, change, rejected in refused])
        return len(refused)


def _patiently(do: Callable[[], T]) -> T:
    """Do it until it succeeds, while Kafka or Milvus is away."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return do()
        except (Unavailable, IndexUnavailable) as error:
            if time.monotonic() > deadline:
                raise
            log.warning("waiting: %s", error)
            time.sleep(1.0)
