"""One standing question at its place in the updates: what comes next for it, and where to go on after that."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from query.asker import Asker, Circumstances
from query.search import Parts
from query.updates.match import LATER, Match, matches, recorded
from query.updates.places import Log, Placed, Places
from schemas.update import Pushed, Standing

SLICE = 16
"""Records looked at together."""
READ = 200
LOOKS = 8
"""Slices, or reads that bring none, in one call of `next`: between two calls its token is verified."""
MOST_WAITING = 2_000
"""Updates that are not decided. With so many nothing more is read until some are: then the topic keeps the rest."""
AGAIN_S = 0.0025
"""For each that waits: so long, at least, from one time that all of them are looked at until the next."""
FEW = 100
"""With fewer waiting there is no such pause."""
REMEMBERED = 1_024
"""Versions that were told of lately, so that none is told twice."""


@dataclass(frozen=True, slots=True)
class Event:
    """What may leave now. Who goes on at `places` misses nothing after it."""

    pushed: Pushed
    places: dict[int, int]


class Subscription:
    """For one thread at a time. It begins at `places`; nothing that it has not decided is ever passed by its place.

    Set `moved`, from any thread, when permissions have: then it decides once more about what waits. The more that is,
    the more rarely: permissions move several times a second.
    """

    def __init__(self, parts: Parts, log: Log, standing: Standing, places: Places) -> None:
        self._parts, self._log, self.standing = parts, log, standing
        self._read = dict(places)
        self._pending: list[Placed] = []
        self._waiting: list[Placed] = []
        self._told: OrderedDict[str, None] = OrderedDict()
        self._looked = float("-inf")
        self.moved = False
        self.more = False
        """Whether the last `next` ended before all there was had been looked at: then call it again at once."""

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
        """Once more about all that waits, unless that was too short a time ago."""
        now, pause_s = self._parts.clock().steady, len(self._waiting) * AGAIN_S
        if len(self._waiting) > FEW and now - self._looked < pause_s:
            return
        self.moved, self._looked = False, now
        self._pending, self._waiting = sorted(self._waiting, key=lambda p: (p.partition, p.offset)), []

    def next(self, asker: Asker, about: Circumstances) -> Event | None:
        """The next record for this asker, on record already; None when there is none for now. Blocking.

        It ends within LOOKS, also where very much is to be looked at: then there is `more`. An error loses nothing: the
        next call goes on with what this one did not decide. Raises as `matches`, `recorded` and `Log.read`.
        """
        self.more = False
        for _ in range(LOOKS):
            if self.moved and not self._pending:  # else who waits longest would be looked at for ever, the others never
                self._look_again()
            if not self._pending and not self._fetch():
                return None
            event = self._decide(self._pending[:SLICE], asker, about) if self._pending else None
            if event is not None:
                return event
        self.more = True
        return None

    def _decide(self, part: Sequence[Placed], asker: Asker, about: Circumstances) -> Event | None:
        """The first of the slice that may leave; what is not decided waits."""
        outcomes = matches(self._parts, asker, about, self.standing, [placed.update for placed in part])
        for placed, outcome in zip(part, outcomes, strict=True):
            if isinstance(outcome, Match) and not self._knows(outcome.hit.record_id, outcome.hit.position):
                pushed = recorded(self._parts, asker, about, self.standing, outcome)
                self._pending.pop(0)
                self._remember(pushed.id)
                return Event(pushed, self.places)
            self._pending.pop(0)
            if outcome == LATER:
                self._waiting.append(placed)
        return None

    def _fetch(self) -> bool:
        """Read on, unless too much waits; whether anything was read, if only of what the question does not ask."""
        if len(self._waiting) >= MOST_WAITING:
            return False
        found = self._log.read(self._read, READ)
        moved = found.then != self._read
        self._read = found.then
        self._pending = list(self._asked(found.updates))
        return moved

    def _asked(self, updates: Iterable[Placed]) -> Iterable[Placed]:
        sources = self.standing.sources
        return (placed for placed in updates if sources is None or placed.update.source in sources)

    def _knows(self, record_id: str, position: str) -> bool:
        return f"{record_id}@{position}" in self._told

    def _remember(self, name: str) -> None:
        self._told[name] = None
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
