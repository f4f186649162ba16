"""A rebuild: the writers pause, nothing is missing at the switch, and whatever goes wrong the live one stays."""

from types import SimpleNamespace

import pytest
from rebuild_stage import NEW, OLD, Generations, World

from index.generations import Generation
from schemas.change import Origin
from schemas.errors import IndexUnavailable, Misconfigured, Unavailable
from streams import rebuild as module
from streams.decode import RawEvent
from streams.rebuild import HOLD_S, TRIES


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    world.write(0, "a", "b")
    world.write(1, "c")

    def sleep(seconds: float) -> None:
        world.time += seconds

    class Turn:
        def __init__(self, generations: Generations) -> None: ...
        def __enter__(self) -> None: ...
        def __exit__(self, *error: object) -> None: ...
        def require(self) -> None: ...

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: world.time, sleep=sleep))
    monkeypatch.setattr(module, "Turn", Turn)
    return world


def test_a_new_generation_holds_every_change_and_the_old_one_remembers_how_far_it_came(world: World) -> None:
    made, refused = world.rebuild().rebuild()
    assert (made.number, made.model, refused) == (2, NEW, 0)
    assert world.rows == {2: ["a", "b", "c"]}
    assert (world.live_number, world.there[1].fed) == (2, {0: 2, 1: 1})
    assert [one.hold for one in world.there.values()] == [None, None]


def test_what_came_until_the_writers_paused_is_there_at_the_switch(world: World) -> None:
    world.on_pause = lambda: world.write(1, "late")
    world.rebuild().rebuild()
    assert world.rows[2] == ["a", "b", "c", "late"]


def test_what_a_worker_wrote_that_knew_of_no_pause_is_read_after_the_switch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def switch(self: Generations, number: int) -> None:
        world.write(0, "stray")
        world.live_number = number

    monkeypatch.setattr(Generations, "switch", switch)
    world.rebuild().rebuild()
    assert world.rows[2] == ["a", "b", "c", "stray"]


def test_workers_that_do_not_pause_are_let_go_on_and_asked_again(world: World) -> None:
    world.workers_agree = 3
    world.rebuild().rebuild()
    assert (world.tries, world.live_number) == (3, 2)


def test_workers_that_never_pause_end_it_and_nothing_has_changed(world: World) -> None:
    world.workers_agree = TRIES + 1
    with pytest.raises(Unavailable, match="nothing has changed"):
        world.rebuild().rebuild()
    assert (world.live_number, world.there[1].fed, world.there[1].hold) == (1, None, None)
    assert world.time < TRIES * (HOLD_S + 2)


def test_without_any_worker_nobody_has_to_pause(world: World) -> None:
    world.workers = 0
    world.rebuild().rebuild()
    assert world.live_number == 2


@pytest.mark.parametrize("error", [IndexUnavailable(), Unavailable("Kafka")], ids=repr)
def test_an_outage_during_the_pause_ends_the_pause_and_the_next_try_may_do(world: World, error: Exception) -> None:
    def fail() -> None:
        if world.tries < 3:
            raise error

    world.on_pause = fail
    world.rebuild().rebuild()
    assert (world.tries, world.live_number, [one.hold for one in world.there.values()]) == (3, 2, [None, None])


def test_an_outage_that_lasts_ends_it_and_nothing_has_changed(world: World) -> None:
    def fail() -> None:
        raise IndexUnavailable

    world.on_pause = fail
    with pytest.raises(Unavailable, match="nothing has changed"):
        world.rebuild().rebuild()
    assert (world.live_number, [one.hold for one in world.there.values()]) == (1, [None, None])


def test_an_outage_just_after_the_switch_does_not_keep_the_rest_from_being_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def switch(self: Generations, number: int) -> None:
        world.write(0, "stray")
        world.live_number = number
        raise IndexUnavailable

    monkeypatch.setattr(Generations, "switch", switch)
    world.rebuild().rebuild()
    assert (world.rows[2], world.tries) == (["a", "b", "c", "stray"], 1)


def test_an_index_that_is_away_for_a_while_is_waited_for_and_no_change_is_skipped(world: World) -> None:
    world.away = 5
    world.rebuild().rebuild()
    assert world.rows[2] == ["a", "b", "c"]


def test_a_half_built_generation_is_dropped_and_its_number_not_used_again(world: World) -> None:
    world.there[2] = Generation(2, NEW)
    made, _ = world.rebuild().rebuild()
    assert (made.number, sorted(world.there)) == (3, [1, 3])


def test_of_complete_generations_only_the_previous_is_kept_and_only_after_the_switch(world: World) -> None:
    world.there = {1: Generation(1, OLD, fed={0: 0}), 2: Generation(2, OLD)}
    world.live_number = 2
    world.rebuild().rebuild()
    assert (sorted(world.there), world.done) == ([2, 3], ["switch 3", "drop 1"])


def test_where_none_is_live_a_rebuild_makes_one(world: World) -> None:
    world.live_number = None
    assert world.rebuild().rebuild()[0].number == 2
    assert (world.live_number, world.rows[2]) == (2, ["a", "b", "c"])


def test_where_there_is_no_index_there_is_nothing_to_rebuild(world: World) -> None:
    world.there, world.live_number = {}, None
    with pytest.raises(Misconfigured, match="freshline work"):
        world.rebuild().rebuild()


def test_going_back_reads_on_from_where_the_previous_one_was(world: World) -> None:
    world.rebuild().rebuild()
    world.write(0, "later")
    assert world.rebuild().rollback().number == 1
    assert (world.rows[1], world.live_number) == (["later"], 1)
    assert world.there[2].fed == {0: 3, 1: 1}
    assert world.rebuild().rollback().number == 2


def test_nothing_half_built_is_gone_back_to(world: World) -> None:
    world.there[2] = Generation(2, NEW)
    with pytest.raises(Misconfigured, match="no previous"):
        world.rebuild().rollback()


def test_the_old_ones_are_dropped_and_the_live_one_is_not(world: World) -> None:
    world.rebuild().rebuild()
    assert (world.rebuild().drop_old(), sorted(world.there)) == ([1], [2])
    assert world.rebuild().drop_old() == []


def test_only_what_no_later_change_made_good_is_a_dead_letter_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 1)
    world.refused = {"b", "c"}
    world.on_pause = lambda: (world.refused.discard("b"), world.write(0, "b"))
    assert world.rebuild().rebuild()[1] == 1
    assert [message.key for message in world.sent] == [b"freshline.changes/1/0"]


def test_what_is_no_change_is_passed_over(world: World) -> None:
    world.log[0].append(RawEvent(Origin(topic="freshline.changes", partition=0, offset=2), b"k", b"no json"))
    world.rebuild().rebuild()
    assert (world.rows[2], world.sent) == (["a", "b", "c"], [])
