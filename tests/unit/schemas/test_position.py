"""Source positions: text that sorts as the source's log does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Rejected
from schemas.position import NOWHERE, START, Position, lsn_number, lsn_of, of_read, of_source

LSN, ORDER, OFFSET = st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**63 - 1)
PLACE = st.tuples(LSN, LSN, ORDER)
"""(last commit before the transaction, LSN, order in the transaction)"""


def position(lsn: Any, order: Any = None, commit: int | None = None) -> Position:
    sequence = f'[{"null" if commit is None else f"{chr(34)}{commit}{chr(34)}"},"{lsn}"]'
    source = {"connector": "postgresql", "lsn": lsn, "sequence": sequence}
    return of_source(source, None if order is None else {"total_order": order})


def at(place: tuple[int, int, int]) -> Position:
    commit, lsn, order = place
    return position(lsn, order, commit)


@given(PLACE, PLACE)
def test_positions_sort_as_the_source_streams(place: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    assert (at(place) < at(other)) == (place < other)
    assert at(place) >= START > NOWHERE


def test_what_is_committed_later_is_later_although_it_was_written_before() -> None:
    written_first, committed_first = position(100, 1, commit=260), position(200, 1, commit=90)
    assert committed_first < written_first


def test_changes_of_one_row_sort_as_they_were_written() -> None:
    """A row's next writer waits for the commit of the one before it."""
    first, second = position(100, 1, commit=90), position(300, 1, commit=250)
    assert first < position(101, 2, commit=90) < second


def test_before_any_commit_was_seen_the_change_itself_says_where_the_log_is() -> None:
    assert position(100, 1) < position(120, 2) < position(200, 1, commit=150)
    without = of_source({"connector": "postgresql", "lsn": 100}, {"total_order": 1})
    assert without == position(100, 1) == Position(f"{100:016x}.{100:016x}.00000001")


def test_without_transaction_metadata_the_lsn_orders_a_transaction() -> None:
    assert position(500, commit=400) < position(500, 1, commit=400) < position(501, commit=400)


@given(PLACE, PLACE, OFFSET, OFFSET)
def test_a_row_that_a_snapshot_read_comes_after_all_streamed_before_it_and_before_all_streamed_after_it(
    before: tuple[int, int, int], after: tuple[int, int, int], offset: int, later: int
) -> None:
    read = of_read(at(before), offset)
    assert at(before) < read
    assert (read < at(after)) == (before < after)
    assert (read < of_read(at(before), later)) == (offset < later)
    assert (read < of_read(at(after), 0)) == (before < after)


@given(PLACE, OFFSET)
def test_where_nothing_was_streamed_before_it_a_read_row_comes_before_all_that_is(
    streamed: tuple[int, int, int], offset: int
) -> None:
    assert NOWHERE < START < of_read(START, offset)
    assert at(streamed) == START or of_read(START, offset) < at(streamed)


@pytest.mark.parametrize(
    "sequence",
    [
        "",
        "26523560",
        "[]",
        '["1"]',
        "[null,null]",
        '["x","1"]',
        '["-1","1"]',
        '["1","1","1"]',
        f'["{2**64}","1"]',
        7,
        [1, 2],
    ],
    ids=repr,
)
def test_a_sequence_that_gives_no_order_is_rejected(sequence: Any) -> None:
    with pytest.raises(Rejected, match="sequence") as rejected:
        of_source({"connector": "postgresql", "lsn": 1, "sequence": sequence}, None)
    assert rejected.value.reason == "unknown_position"


@pytest.mark.parametrize("lsn", [None, "26523328", -1, 1.0, True, 2**64, [], {}])
def test_a_change_without_a_usable_lsn_is_rejected(lsn: Any) -> None:
    with pytest.raises(Rejected, match="lsn") as rejected:
        of_source({"connector": "postgresql", "lsn": lsn}, None)
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


@pytest.mark.parametrize(("lsn", "text"), [(0, "0/0"), (0x16B3748, "0/16B3748"), (0x16_B374D848, "16/B374D848")])
def test_a_streamed_position_is_a_place_of_the_log_as_postgresql_prints_it(lsn: int, text: str) -> None:
    assert lsn_of(position(lsn, 3, commit=7)) == text
    assert lsn_number(text) == lsn


@given(LSN, LSN)
def test_places_of_the_log_compare_as_numbers_and_not_as_text(one: int, other: int) -> None:
    texts = [lsn_of(position(lsn)) for lsn in (one, other)]
    assert (lsn_number(texts[0] or "") < lsn_number(texts[1] or "")) == (one < other)


@pytest.mark.parametrize("other", [NOWHERE, Position("7"), of_read(START, 3)])
def test_a_position_that_was_not_streamed_is_no_place_of_the_log(other: Position) -> None:
    assert lsn_of(other) is None
