"""When a table stops: a missing column, a long run of bad rows, a large share of them; never for one bad row."""

from collections.abc import Sequence

import pytest

from schemas.errors import Rejected, RejectReason
from streams.limits import RUN, WINDOW, Limits


def bad(reason: RejectReason = "malformed_event") -> Rejected:
    return Rejected(reason, f"it is {reason}")


def stops(rejected: Sequence[Rejected | None], limits: Limits | None = None, topic: str = "t") -> list[int]:
    """At which events the table must stop."""
    limits = limits or Limits()
    return [number for number, one in enumerate(rejected) if limits.exceeded(topic, one) is not None]


def test_a_missing_column_stops_its_table_at_once_in_its_own_words() -> None:
    assert Limits().exceeded("t", bad("missing_column")) == "it is missing_column"


@pytest.mark.parametrize("reason", ["malformed_event", "no_permission", "placeholder_value", "key_mismatch"])
def test_a_run_of_bad_rows_stops_the_table_and_one_less_does_not(reason: RejectReason) -> None:
    assert stops([bad(reason)] * (RUN - 1)) == []
    assert stops([bad(reason)] * RUN) == [RUN - 1]


def test_a_good_row_ends_a_run() -> None:
    assert stops([*[bad()] * (RUN - 1), None] * 2) == []


def test_a_large_share_of_bad_rows_stops_the_table_once_there_are_enough_to_judge() -> None:
    assert stops([bad(), None] * (WINDOW // 2) + [bad()]) == [WINDOW]
    assert stops([None, bad()] * (WINDOW // 2))[0] == WINDOW - 1


def test_fewer_bad_rows_than_that_never_do() -> None:
    assert stops([bad(), None, None] * WINDOW) == []


def test_a_good_row_never_stops_a_table() -> None:
    assert stops([*[bad()] * RUN, None]) == [RUN - 1]


def test_tables_are_counted_apart() -> None:
    limits = Limits()
    assert stops([bad()] * (RUN - 1), limits) == []
    assert stops([bad()], limits, "u") == []
    assert stops([bad()], limits) == [0]
