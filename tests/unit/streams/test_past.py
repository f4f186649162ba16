"""The raw topic as memory: the place of a snapshot's row, and the value of a column that was not sent."""

from typing import Any

import pytest
from stream_stage import ROW, RawTopic, envelope

from schemas.position import START, Position, of_source
from schemas.template import PLACEHOLDER
from streams.decode import RawEvent
from streams.past import NO_PAST, Past, last_values, streamed_before

OTHER = {"id": 43}


def said(*messages: tuple[Any, Any]) -> RawTopic:
    """A raw topic of these (key, value)."""
    topic = RawTopic()
    for key, value in messages:
        topic.append(key, value)
    return topic


def mine(value: Any) -> tuple[Any, Any]:
    return {"id": 42}, value


def place(lsn: int) -> Position:
    return of_source(envelope(lsn=lsn)["source"], envelope()["transaction"])


def before_next(topic: RawTopic) -> Position:
    return streamed_before(reversed(topic.partitions[0]))


def values_of(unsent: Any, *earlier: tuple[Any, Any]) -> dict[str, Any]:
    """What is found for a last message of row 42, from the messages before it."""
    topic = said(*earlier)
    return last_values(topic.append(*mine(unsent)), reversed(topic.partitions[0][:-1]))


def test_where_nothing_was_streamed_a_partition_is_at_its_start() -> None:
    assert streamed_before([]) == START
    assert before_next(said(mine(envelope("r")), mine(None), mine(b"no json"))) == START


@pytest.mark.parametrize("op", ["c", "u", "d", "t"])
def test_what_was_streamed_last_counts_whatever_its_key_and_snapshot_rows_do_not(op: str) -> None:
    topic = said(mine(envelope(lsn=5)), (OTHER, envelope(op, lsn=7)), mine(None), mine(envelope("r", lsn=900)))
    topic.append({"id": 44}, b"no json")
    topic.append(None, {"status": "END", "id": "1:1"})
    assert before_next(topic) == place(7)


def test_only_as_much_is_read_as_is_needed() -> None:
    topic = said(mine(envelope(lsn=1)), mine(envelope(lsn=5)), mine(envelope("r")))
    seen: list[RawEvent] = []

    def backwards() -> Any:
        for raw in reversed(topic.partitions[0]):
            seen.append(raw)
            yield raw

    assert streamed_before(backwards()) == place(5)
    assert len(seen) == 2


def test_a_column_that_was_not_sent_has_its_newest_value() -> None:
    unsent = envelope(body=PLACEHOLDER)
    assert values_of(unsent, mine(envelope(body="old")), mine(envelope(body="new"))) == {"body": "new"}


@pytest.mark.parametrize("op", ["r", "c", "u"])
def test_a_row_that_a_snapshot_read_knows_it_too(op: str) -> None:
    assert values_of(envelope(body=PLACEHOLDER), mine(envelope(op, body="text"))) == {"body": "text"}


def test_columns_may_come_from_several_messages_and_others_are_not_taken() -> None:
    found = values_of(
        envelope(body=PLACEHOLDER, subject=PLACEHOLDER, status=PLACEHOLDER),
        mine(envelope("c", body="b1", subject="s1", status="open")),
        mine(envelope(body=PLACEHOLDER, subject="s2", status=PLACEHOLDER)),
        mine(envelope(body="b3", subject=PLACEHOLDER, status=PLACEHOLDER)),
    )
    assert found == {"body": "b3", "subject": "s2", "status": "open"}


def test_another_keys_row_is_never_asked() -> None:
    others = [(key, envelope(body="foreign")) for key in (OTHER, {"id": "42"}, {"id": 42, "part": 1}, None)]
    assert values_of(envelope(body=PLACEHOLDER), *others) == {}
    assert values_of(envelope(body=PLACEHOLDER), mine(envelope(body="own")), *others) == {"body": "own"}


@pytest.mark.parametrize("end", [envelope("d"), None, b"no json", b"\xff", {"op": "x"}], ids=repr)
def test_what_was_before_a_delete_or_something_unreadable_is_another_rows(end: Any) -> None:
    assert values_of(envelope(body=PLACEHOLDER), mine(envelope(body="before")), mine(end)) == {}
    assert values_of(
        envelope(body=PLACEHOLDER), mine(envelope(body="before")), mine(end), mine(envelope("c", body="after"))
    ) == {"body": "after"}


def test_a_null_is_a_value() -> None:
    assert values_of(envelope(body=PLACEHOLDER), mine(envelope(body="old")), mine(envelope(body=None))) == {
        "body": None
    }


def test_what_nobody_knows_stays_unknown() -> None:
    assert values_of(envelope(body=PLACEHOLDER), mine(envelope(body=PLACEHOLDER))) == {}
    row = {name: value for name, value in ROW.items() if name != "body"}
    assert values_of(envelope(body=PLACEHOLDER), mine(envelope(row=row))) == {}


def test_where_all_was_sent_nothing_is_taken_from_the_past() -> None:
    topic = said(mine(envelope(body="before")), mine(envelope()), mine(envelope("d")), mine(None))
    assert [last_values(raw, topic.partitions[0]) for raw in topic.partitions[0]] == [{}] * 4


def test_only_what_was_not_sent_is_completed_and_only_as_far_as_it_is_known() -> None:
    past = Past(values={"body": "known", "subject": "older"})
    row = {"body": PLACEHOLDER, "subject": "sent", "note": PLACEHOLDER, "none": None}
    assert past.completed(row) == row | {"body": "known"}
    assert row["body"] == PLACEHOLDER
    assert NO_PAST.completed(row) == row
