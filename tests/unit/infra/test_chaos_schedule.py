"""Faults are planned by the seed alone."""

from infra.chaos.result import Least
from infra.chaos.schedule import LANES, LAST, schedule


def test_the_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    assert schedule(7, 300) == schedule(7, 300)
    assert schedule(7, 300) != schedule(8, 300)


def test_the_default_run_plans_more_faults_and_kinds_than_it_must_have() -> None:
    for seed in range(50):
        faults = [fault for lane in schedule(seed, 300).values() for fault in lane]
        assert len(faults) >= Least.of(300).faults
        assert {fault.kind for fault in faults} == {kind for kinds in LANES.values() for kind in kinds}


def test_faults_of_a_lane_are_in_order_and_end_before_the_run_does() -> None:
    for lane in schedule(3, 120).values():
        times = [fault.at_s for fault in lane]
        assert times == sorted(times)
        assert times[-1] < 120 * LAST


def test_every_kind_of_a_lane_comes_once_before_any_comes_again() -> None:
    for name, faults in schedule(11, 600).items():
        kinds = [fault.kind for fault in faults]
        first = len(LANES[name])
        assert sorted(kinds[:first]) == sorted(LANES[name])
        assert sorted(kinds[first : 2 * first]) == sorted(LANES[name])
