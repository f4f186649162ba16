"""Indexing into the live generation, whichever that is when a batch comes.

Before a batch, and again after it, the live generation is asked for. If it is asked to pause, because another is about
to become live, nothing is written until that is over: so what reads never goes back, and nobody else writes meanwhile.
If another became live while a batch was written, the batch is applied to that one too before it counts as done: so
nothing is lost, even if this process was stopped in between and knew of no pause.
"""

import logging
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from threading import RLock
from typing import Protocol

from index.generations import Catalogue, Generation, Hold
from schemas.change import Change
from schemas.errors import IndexUnavailable, Misconfigured
from streams.indexing import Indexed

LONGEST_HOLD = 8.0
"""Seconds after which a pause counts as forgotten: whoever asked for it has promised to be done much sooner."""
LOOK_EVERY = 0.1
"""Seconds between looks whether a pause is over."""

log = logging.getLogger(__name__)


class Applier(Protocol):
    """What applies a batch of changes to an index: see `streams.indexing.Indexer`."""

    def apply(self, changes: Sequence[Change]) -> Indexed: ...

    def foresee(self, changes: Sequence[Change]) -> None: ...


class LiveIndexer:
    """An `Applier`. `open_` makes one for a generation, or raises Misconfigured where this process cannot.

    `assigned` gives the partitions of freshline.changes that this worker reads now.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        open_: Callable[[Generation], Applier],
        assigned: Callable[[], AbstractSet[int]],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._catalogue, self._open, self._assigned = catalogue, open_, assigned
        self._clock, self._sleep = clock, sleep
        self._writing = RLock()
        self._appliers: dict[int, Applier] = {}
        self._first_seen: dict[str, float] = {}
        self._told: tuple[str, frozenset[int]] | None = None

    def apply(self, changes: Sequence[Change]) -> Indexed:
        """Apply a batch; see `Indexer.apply`. Blocks while the index is asked to pause, `LONGEST_HOLD` at most."""
        with self._writing:
            done: Indexed | None = None
            fed: set[int] = set()
            while (live := self._settled()).number not in fed:
                before = done or Indexed()
                done = self._applier(live).apply(changes)
                done = replace(
                    done,
                    rejected=[*before.rejected, *done.rejected],
                    updates=[*before.updates, *done.updates],
                )
                fed.add(live.number)
            self._appliers = {live.number: self._appliers[live.number]}
            assert done is not None
            return done

    def foresee(self, changes: Sequence[Change]) -> None:
        """Embed what these will need, for the generation that the last batch went to; see `Indexer.foresee`."""
        for applier in [*self._appliers.values()]:
            applier.foresee(changes)

    def look(self) -> None:
        """Agree to a pause that is asked for, and keep it: for a worker that has no batch to apply."""
        with self._writing:
            self._settled()

    def _settled(self) -> Generation:
        """The live generation, once no pause is asked for."""
        while True:
            live = self._catalogue.live()
            if live is None:
                raise IndexUnavailable("no generation of the index is live; run: freshline rebuild")
            if live.hold is None or self._forgotten(live.hold):
                return live
            self._agree(live, live.hold)
            self._sleep(LOOK_EVERY)

    def _forgotten(self, hold: Hold) -> bool:
        """By our own clock, from when we saw it first: the clocks of others do not matter."""
        if hold.id not in self._first_seen:
            self._first_seen = {hold.id: self._clock()}
            log.info("indexing pauses: generation %d is about to become live", hold.target)
        return self._clock() - self._first_seen[hold.id] > LONGEST_HOLD

    def _agree(self, live: Generation, hold: Hold) -> None:
        """Tell that we write nothing now. Who could not write the next generation does not agree to it."""
        partitions = frozenset(self._assigned())
        if self._told == (hold.id, partitions):
            return
        target = self._catalogue.get(hold.target)
        if target is None:
            return
        try:
            self._applier(target)
        except Misconfigured as error:
            log.error("generation %d cannot be written here, so it must not become live: %s", hold.target, error)
            self._told = (hold.id, partitions)
            return
        self._catalogue.acknowledge(live.number, hold, partitions)
        self._told = (hold.id, partitions)

    def _applier(self, generation: Generation) -> Applier:
        if generation.number not in self._appliers:
            self._appliers[generation.number] = self._open(generation)
            log.info("indexing goes to generation %d of %s", generation.number, generation.model.name)
        return self._appliers[generation.number]
