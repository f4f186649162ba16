"""Source positions: text that sorts as the source's log does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Rejected
from schemas.position import NOWHERE, of_source

LSN, ORDER = st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)


def position(lsn: Any, order: Any = None) -> str:
    return of_source({"connector": "postgresql", "lsn": lsn}, None if order is None else {"total_order": order})


@given(LSN, ORDER, LSN, ORDER)
def test_positions_sort_as_the_log_does(lsn: int, order: int, lsn2: int, order2: int) -> None:
    texts = position(lsn, order), position(lsn2, order2)
    assert (texts[0] < texts[1]) == ((lsn, order) < (lsn2, order2))
    assert texts[0] > NOWHERE


def test_snapshot_rows_come_before_everything_streamed_at_their_position() -> None:
    assert position(500) < position(500, 1) < position(501)


@pytest.mark.parametrize("lsn", [None, "26523328", -1, 1.0, True, 2**64, [], {}])
def test_a_change_without_a_usable_lsn_is_rejected(lsn: Any) -> None:
    with pytest.raises(Rejected) as rejected:
        position(lsn)
    assert rejected.value.reason == "unknown_position"


@pytest.mark.parametrize(
    "transaction", [[1], "x", 7, {"total_order": "3"}, {"total_order": -1}, {"total_order": 2**32}]
)
def test_a_transaction_block_that_gives_no_order_is_rejected(transaction: Any) -> None:
    with pytest.raises(Rejected, match=r"order|object"):
        of_source({"connector": "postgresql", "lsn": 1}, transaction)


def test_a_connector_whose_log_is_not_known_is_rejected_by_name() -> None:
    with pytest.raises(Rejected, match="'mysql'"):
        of_source({"connector": "mysql", "lsn": 1}, None)
