"""One standing question at its place in the updates: what comes next for it, and where to go on after that."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from query.asker import Asker, Circumstances
from query.search import Parts
from query.updates.match import LATER, matches, recorded
from query.updates.places import Log, Placed, Places
from schemas.update import Pushed, Standing

SLICE = 16
"""Records looked at together."""
READ = 200
MOST_WAITING = 2_000
"""Updates that are not decided. With so many nothing more is read until some are: then the topic keeps the rest."""
REMEMBERED = 1_024
"""Versions that were told of lately, so that none is told twice."""


@dataclass(frozen=True, slots=True)
class Event:
    """What may leave now. Who goes on at `places` misses nothing after it."""

    pushed: Pushed
    places: dict[int, int]


class Subscription:
    """For one thread at a time. It begins at `places`; nothing that it has not decided is ever passed by its place.

    Set `moved`, from any thread, when permissions have: then it decides once more about what waits.
    """

    def __init__(self, parts: Parts, log: Log, standing: Standing, places: Places) -> None:
        self._parts, self._log, self.standing = parts, log, standing
        self._read = dict(places)
        self._pending: list[Placed] = []
        self._waiting: list[Placed] = []
        self._told: OrderedDict[str, None] = OrderedDict()
        self.moved = False

    @property
    def waits(self) -> bool:
        """Whether anything is not decided, so that it is worth looking again when permissions have moved."""
        return bool(self._waiting)

    @property
    def places(self) -> dict[int, int]:
        """Where to go on: before all that is not decided, else where was read to."""
        places = dict(self._read)
        for placed in (*self._pending, *self._waiting):
            places[placed.partition] = min(places.get(placed.partition, placed.offset), placed.offset)
        return places

    def _look_again(self) -> None:
        self.moved = False
        self._pending = sorted([*self._waiting, *self._pending], key=lambda p: (p.partition, p.offset))
        self._waiting = []

    def next(self, asker: Asker, about: Circumstances) -> Event | None:
        """The next record for this asker, on record already; None when there is nothing more for now. Blocking.

        An error loses nothing: the next call goes on with what this one did not decide. Raises as `matches`,
        `recorded` and `Log.read`.
        """
        if self.moved:
            self._look_again()
        while self._pending or self._fetch():
            part = self._pending[:SLICE]
            outcomes = matches(self._parts, asker, about, self.standing, [placed.update for placed in part])
            for placed, outcome in zip(part, outcomes, strict=True):
                if (
                    outcome is not None
                    and outcome != LATER
                    and not self._knows(outcome.hit.record_id, outcome.hit.position)
                ):
                    pushed = recorded(self._parts, asker, about, self.standing, outcome)
                    self._pending.pop(0)
                    self._remember(pushed.id)
                    return Event(pushed, self.places)
                self._pending.pop(0)
                if outcome == LATER:
                    self._waiting.append(placed)
        return None

    def _fetch(self) -> bool:
        """Read on; whether anything was read that concerns the question."""
        while len(self._waiting) < MOST_WAITING:
            found = self._log.read(self._read, READ)
            self._read = found.then
            self._pending = list(self._asked(found.updates))
            if self._pending:
                return True
            if not found.updates:
                return False
        return False

    def _asked(self, updates: Iterable[Placed]) -> Iterable[Placed]:
        sources = self.standing.sources
        return (placed for placed in updates if sources is None or placed.update.source in sources)

    def _knows(self, record_id: str, position: str) -> bool:
        return f"{record_id}@{position}" in self._told

    def _remember(self, name: str) -> None:
        self._told[name] = None
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
