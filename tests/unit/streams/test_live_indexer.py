"""Indexing into the live generation: pauses are kept, a switch in the middle loses nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from stream_stage import upsert

from index.embedder import ModelSpec
from index.generations import Generation, Hold
from schemas.change import Change
from schemas.errors import IndexUnavailable, Misconfigured, Rejected
from streams.indexing import Indexed
from streams.live_indexer import LONGEST_HOLD, LOOK_EVERY, LiveIndexer

MODEL = ModelSpec(name="m", dimension=4, max_tokens=8, fingerprint="f")
HOLD = Hold("h", 2)


@dataclass
class Catalogue:
    """Generations changed by hand; `looks` is done at each look, by its number."""

    now: Generation | None = field(default_factory=lambda: Generation(1, MODEL))
    targets: dict[int, Generation] = field(default_factory=lambda: {2: Generation(2, MODEL)})
    agreed: list[tuple[int, str, set[int]]] = field(default_factory=list)
    on_look: dict[int, Callable[[], None]] = field(default_factory=dict)
    looks: int = 0

    def live(self) -> Generation | None:
        self.looks += 1
        self.on_look.get(self.looks, lambda: None)()
        return self.now

    def get(self, number: int) -> Generation | None:
        return self.targets.get(number)

    def acknowledge(self, number: int, hold: Hold, partitions: Iterable[int]) -> None:
        self.agreed.append((number, hold.id, set(partitions)))

    def set(self, **changed: object) -> Callable[[], None]:
        def change() -> None:
            assert self.now is not None
            self.now = replace(self.now, **changed)  # type: ignore[arg-type]

        return change


class Stage:
    """A worker with partitions 0 and 1; time goes on only while it sleeps."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self.applied: list[tuple[int, list[str]]] = []
        self.opened: list[int] = []
        self.unusable: set[int] = set()
        self.refusing: set[int] = set()
        self.assigned = {0, 1}
        self.time = 0.0
        self.slept: list[float] = []
        self.indexer = LiveIndexer(self.catalogue, self.open, lambda: self.assigned, lambda: self.time, self.sleep)

    def open(self, generation: Generation) -> "Target":
        if generation.number in self.unusable:
            raise Misconfigured("its model is not here")
        self.opened.append(generation.number)
        return Target(self, generation.number)

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept.append(seconds)


@dataclass
class Target:
    stage: Stage
    number: int

    def apply(self, changes: Sequence[Change]) -> Indexed:
        self.stage.applied.append((self.number, [change.record_id for change in changes]))
        refused = [(c, Rejected("index_refused", "no")) for c in changes if self.number in self.stage.refusing]
        return Indexed(written=len(changes), rejected=refused)


@pytest.fixture
def stage() -> Stage:
    return Stage()


BATCH = [upsert("1", 5)]
IDS = [BATCH[0].record_id]


def test_a_batch_goes_to_the_live_generation_once(stage: Stage) -> None:
    assert stage.indexer.apply(BATCH) == Indexed(written=1)
    stage.indexer.apply(BATCH)
    assert stage.applied == [(1, IDS), (1, IDS)]
    assert (stage.opened, stage.slept) == ([1], [])


def test_a_batch_during_whose_writing_another_became_live_is_applied_to_that_one_too(stage: Stage) -> None:
    stage.catalogue.on_look[2] = stage.catalogue.set(number=2)
    stage.refusing = {1}
    done = stage.indexer.apply(BATCH)
    assert stage.applied == [(1, IDS), (2, IDS)]
    assert [change.record_id for change, _ in done.rejected] == IDS
    stage.indexer.apply(BATCH)
    assert stage.applied[2:] == [(2, IDS)]


def test_nothing_is_written_during_a_pause_and_then_to_whatever_is_live(stage: Stage) -> None:
    stage.catalogue.set(hold=HOLD)()
    stage.catalogue.on_look[5] = stage.catalogue.set(hold=None, number=2)
    stage.indexer.apply(BATCH)
    assert stage.applied == [(2, IDS)]
    assert stage.catalogue.agreed == [(1, "h", {0, 1})]
    assert stage.slept == [LOOK_EVERY] * 4


def test_a_pause_asked_for_while_a_batch_is_written_is_agreed_to_after_it(stage: Stage) -> None:
    stage.catalogue.on_look = {
        2: stage.catalogue.set(hold=HOLD),
        4: stage.catalogue.set(hold=None),
    }
    stage.indexer.apply(BATCH)
    assert (stage.applied, stage.catalogue.agreed) == ([(1, IDS)], [(1, "h", {0, 1})])


def test_a_worker_without_work_agrees_too_and_again_when_it_gets_other_partitions(stage: Stage) -> None:
    stage.catalogue.set(hold=HOLD)()
    stage.catalogue.on_look = {3: lambda: stage.assigned.add(7), 5: stage.catalogue.set(hold=None)}
    stage.indexer.look()
    assert stage.catalogue.agreed == [(1, "h", {0, 1}), (1, "h", {0, 1, 7})]
    assert stage.applied == []


def test_a_pause_that_nobody_ends_is_forgotten_and_the_next_one_is_kept(stage: Stage) -> None:
    stage.catalogue.set(hold=HOLD)()
    stage.indexer.apply(BATCH)
    assert stage.applied == [(1, IDS)]
    assert LONGEST_HOLD < stage.time < LONGEST_HOLD + 2 * LOOK_EVERY
    stage.indexer.apply(BATCH)
    assert stage.time < LONGEST_HOLD + 2 * LOOK_EVERY
    stage.catalogue.set(hold=Hold("another", 2))()
    stage.catalogue.on_look[stage.catalogue.looks + 3] = stage.catalogue.set(hold=None)
    stage.indexer.look()
    assert [hold for _, hold, _ in stage.catalogue.agreed] == ["h", "another"]


def test_who_could_not_write_the_next_generation_does_not_agree_that_it_becomes_live(stage: Stage) -> None:
    stage.unusable = {2}
    stage.catalogue.set(hold=HOLD)()
    stage.catalogue.on_look[4] = stage.catalogue.set(hold=None)
    stage.indexer.apply(BATCH)
    assert (stage.applied, stage.catalogue.agreed) == ([(1, IDS)], [])


def test_the_next_generation_is_opened_before_agreeing_so_that_going_on_is_quick(stage: Stage) -> None:
    stage.catalogue.set(hold=HOLD)()
    stage.catalogue.on_look[3] = stage.catalogue.set(hold=None)
    stage.indexer.look()
    assert stage.opened == [2]


def test_without_a_live_generation_the_index_is_away(stage: Stage) -> None:
    stage.catalogue.now = None
    with pytest.raises(IndexUnavailable, match="freshline rebuild"):
        stage.indexer.apply(BATCH)
    assert stage.applied == []
