"""A rebuild's surroundings in memory: generations, the topic, the workers, and time that goes on by sleeping."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from stream_stage import upsert

from index.embedder import ModelSpec
from index.generations import Generation, Hold
from schemas.change import Change, Origin
from schemas.errors import IndexUnavailable, Rejected
from streams.decode import RawEvent
from streams.indexing import Indexed
from streams.rebuild import Rebuild

OLD, NEW = (ModelSpec(name=name, dimension=4, max_tokens=8, fingerprint="f") for name in ("old", "new"))
PARTITIONS = (0, 1)


@dataclass
class World:
    """Generations, the topic and the workers, in memory. Time goes on when somebody sleeps.

    `workers_agree`: at which try they do. `on_pause` is done when they have.
    """

    there: dict[int, Generation] = field(default_factory=lambda: {1: Generation(1, OLD)})
    live_number: int | None = 1
    log: dict[int, list[RawEvent]] = field(default_factory=lambda: {p: [] for p in PARTITIONS})
    rows: dict[int, list[str]] = field(default_factory=dict)
    done: list[Any] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)
    workers: int = 1
    workers_agree: int = 1
    tries: int = 0
    on_pause: Callable[[], None] = lambda: None
    time: float = 0.0
    away: int = 0
    refused: set[str] = field(default_factory=set)

    def write(self, partition: int, *names: str) -> None:
        for name in names:
            change = upsert(name, 5)
            origin = Origin(topic="freshline.changes", partition=partition, offset=len(self.log[partition]))
            value = change.model_dump_json().encode()
            self.log[partition].append(RawEvent(origin, change.record_id.encode(), value))

    def rebuild(self) -> Rebuild:
        return Rebuild(
            SimpleNamespace(  # type: ignore[arg-type]
                generations=Generations(self), chosen=lambda: SimpleNamespace(spec=NEW), open_to_fill=self.open
            ),
            Changes(self),  # type: ignore[arg-type]
            lambda: self.workers,
            self.sent.extend,
            lambda done, of: None,
        )

    def open(self, generation: Generation) -> "Target":
        return Target(self, generation.number)


@dataclass
class Target:
    world: World
    number: int

    def apply(self, changes: Sequence[Change]) -> Indexed:
        if self.world.away:
            self.world.away -= 1
            raise IndexUnavailable()
        names = [change.record_id.rsplit("/", 1)[1] for change in changes]
        self.world.rows.setdefault(self.number, []).extend(names)
        refused = [c for c, name in zip(changes, names, strict=True) if name in self.world.refused]
        return Indexed(rejected=[(c, Rejected("index_refused", "no")) for c in refused])


class Changes:
    def __init__(self, world: World) -> None:
        self._world, self.places = world, {}

    def begin_at(self, places: Mapping[int, int]) -> None:
        self.places = {p: places.get(p, 0) for p in PARTITIONS}

    def ends(self) -> dict[int, int]:
        return {p: len(events) for p, events in self._world.log.items()}

    def committed(self) -> dict[int, int]:
        return self.ends()

    def left(self, ends: Mapping[int, int]) -> int:
        return sum(max(0, end - self.places[p]) for p, end in ends.items())

    def read(self, limit: int) -> list[RawEvent]:
        found: list[RawEvent] = []
        for partition, events in self._world.log.items():
            taken = events[self.places[partition] :][: limit - len(found)]
            self.places[partition] += len(taken)
            found += taken
        return found


class Generations:
    def __init__(self, world: World) -> None:
        self._world = world

    def all(self) -> list[Generation]:
        return [self._world.there[number] for number in sorted(self._world.there)]

    def live(self) -> Generation | None:
        return None if self._world.live_number is None else self._world.there[self._world.live_number]

    def live_number(self) -> int | None:
        return self._world.live_number

    def get(self, number: int) -> Generation | None:
        return self._world.there.get(number)

    def make(self, number: int, spec: ModelSpec) -> Generation:
        self._world.there[number] = Generation(number, spec)
        return self._world.there[number]

    def drop(self, number: int) -> None:
        assert number != self._world.live_number
        del self._world.there[number]
        self._world.done.append(f"drop {number}")

    def switch(self, number: int) -> None:
        self._world.live_number = number
        self._world.done.append(f"switch {number}")

    def hold(self, number: int, hold: Hold | None) -> None:
        world = self._world
        world.there[number] = replace(world.there[number], hold=hold, held={})
        if hold is not None and number == world.live_number:
            world.tries += 1
            if world.workers and world.tries >= world.workers_agree:
                world.there[number] = replace(world.there[number], held=dict.fromkeys(PARTITIONS, hold.id))
                world.on_pause()

    def note_fed(self, number: int, offsets: Mapping[int, int]) -> None:
        self._world.there[number] = replace(self._world.there[number], fed=dict(offsets))
