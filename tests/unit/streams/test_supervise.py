"""Standing still: a backlog and no commit for the stall time, judged on samples with a clock moved by hand."""

from collections.abc import Sequence

import pytest

from streams.supervise import Standstill

Sample = tuple[int, int] | None


def judged(samples: Sequence[tuple[float, Sample]], stall: float = 60.0) -> list[bool]:
    still = Standstill(stall)
    return [still.judge(sample, now) for now, sample in samples]


@pytest.mark.parametrize(
    "samples",
    [
        [(1000, (5, 10)), (1030, (5, 11)), (1080, (5, 12)), (1139, (5, 12))],
        [(1000, (0, 10)), (1195, (0, 10)), (1200, (3, 10)), (1254, (3, 10))],
        [(1000, (5, 10)), (1050, None), (1105, (5, 10)), (1160, (5, 10))],
        [(1000, None), (2000, None)],
        [(9000, (5, 0))],
    ],
    ids=["moves", "nothing to do, then a little", "Kafka was away", "Kafka is away", "just started"],
)
def test_a_worker_that_works_waits_or_cannot_be_seen_is_left_alone(samples: Sequence[tuple[float, Sample]]) -> None:
    assert not any(judged(samples))


def test_a_backlog_without_a_commit_for_the_stall_time_is_a_standstill() -> None:
    assert judged([(1000, (5, 10)), (1030, (6, 10)), (1059, (7, 10)), (1060, (8, 10))]) == [False, False, False, True]


def test_the_stall_time_starts_when_work_arrives_not_when_the_last_was_done() -> None:
    assert judged([(1000, (0, 10)), (5000, (0, 10)), (5005, (1, 10)), (5059, (1, 10)), (5060, (1, 10))])[-2:] == [
        False,
        True,
    ]
