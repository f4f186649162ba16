"""A run whose revocations took longer than promised is not a good one."""

import pytest

from infra.leaks.judge import Findings
from infra.leaks.result import JUDGED, Result


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ([150.0] * JUDGED, []),
        ([150.0] * (JUDGED - 1) + [5000.0], []),
        ([150.0] * (JUDGED - 2) + [5000.0] * 2, ["revocations by token took 150 ms (p50) and 5000 ms (p99)"]),
        ([250.0] * JUDGED, ["revocations by token took 250 ms (p50) and 250 ms (p99)"]),
        ([250.0] * (JUDGED - 1), []),
    ],
    ids=["quick", "one slow of many", "slow p99", "slow p50", "too few to tell"],
)
def test_revocations_are_judged_by_what_is_promised(taken: list[float], said: list[str]) -> None:
    result = Result(1, (0, len(taken)), Findings(), {"token": taken})
    assert list(result.slow()) == said
    assert not said or not result.ok
    assert [line for line in result.details() if line.startswith("too slow")] == [f"too slow: {one}" for one in said]
