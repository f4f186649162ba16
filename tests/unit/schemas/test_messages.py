"""What crosses a wall comes out as it went in; what is not one of ours is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from stream_stage import CONTRACT, delete, relabel, truncate, upsert

from schemas.answer import Question
from schemas.change import Origin, record_id, table_id, table_of
from schemas.dead_letter import DeadLetter
from schemas.errors import FreshlineError, IndexUnavailable, Misconfigured, Rejected, Unavailable
from schemas.position import Position
from schemas.progress import Beat, Progress
from schemas.relation import Grant, RelationTuple
from schemas.table_state import TableState, fingerprint
from schemas.topics import COMPACTED, INTERNAL, SINGLE_PARTITION

TUPLE = RelationTuple(tenant="acme", object="team:7", relation="member", subject="user:ann")

STATE = TableState(
    topic="helpdesk.s.t",
    source="helpdesk",
    table="s.t",
    state="stopped",
    at_ms=5,
    contract="c",
    reason="a column is gone",
    origin=Origin(topic="helpdesk.s.t", partition=1, offset=2),
)


@given(st.none() | st.binary(), st.none() | st.binary(), st.lists(st.tuples(st.text(), st.binary())))
def test_a_dead_letter_keeps_every_byte(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    letter = DeadLetter(
        origin=Origin(topic="t", partition=3, offset=9),
        reason="malformed_event",
        message="not JSON",
        at_ms=1,
        key=key,
        value=value,
        headers=tuple(headers),
    )
    assert DeadLetter.model_validate_json(letter.model_dump_json()) == letter


@pytest.mark.parametrize(
    "message",
    [
        upsert("1", 5, 'Zürich 😀 " \\ \n'),
        delete("1", 6),
        relabel("1", 6, 8),
        truncate(7),
        Grant(record_id="s/t", position=Position("1"), commit_ms=2, truncated=True),
        Grant(record_id="r", position=Position("1"), commit_ms=2, tuples=(TUPLE,)),
        Beat(source="s", commit_ms=1, position=Position("2")),
        Progress(source="s", watermark_ms=1, position=Position("2"), measured_ms=3, grants={}),
        Progress(source="s", watermark_ms=1, position=Position("2"), measured_ms=3, grants={}, stopped=("s.t",)),
        STATE,
        STATE.model_copy(update={"origin": None, "state": "running", "reason": ""}),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_is_the_same_after_the_journey_and_an_unknown_field_is_refused(message: BaseModel) -> None:
    text = message.model_dump_json()
    assert type(message).model_validate_json(text) == message
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(message).model_validate_json('{"surplus": 1,' + text[1:])


def test_a_delete_carries_no_content() -> None:
    change = delete("1", 6)
    assert (change.label, change.title, change.text, change.url, change.metadata) == (None, "", "", "", {})


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)


@given(NAMES, st.lists(NAMES | st.integers(), min_size=1, max_size=3), NAMES)
def test_a_records_id_says_its_table_and_never_another(table: str, key: list[str | int], other: str) -> None:
    columns = [str(number) for number in range(len(key))]
    record = record_id("helpdesk", table, dict(zip(columns, key, strict=True)), columns)
    assert table_of(record) == table_id("helpdesk", table)
    assert (table_of(record) == table_id("helpdesk", other)) == (table == other)
    assert table_of(record) != table_id("wiki", table)
    assert table_of(table_of(record)) != table_id("helpdesk", other)


def test_a_tables_fingerprint_changes_with_its_contract_and_with_nothing_else() -> None:
    tickets = CONTRACT.tables["helpdesk.tickets"]
    again = type(tickets).model_validate(tickets.model_dump())
    assert fingerprint(again) == fingerprint(tickets)
    changed = [{"metadata": ("region",)}, {"event_time": None}, {"mask": ()}, {"relation": ()}]
    assert len({fingerprint(tickets.model_copy(update=update)) for update in ({}, *changed)}) == 5


def test_a_tuple_names_its_userset() -> None:
    assert TUPLE.userset == "team:7#member"


@pytest.mark.parametrize(
    "wrong",
    [
        {"query": ""},
        {"query": "x" * 2001},
        {"query": "x", "limit": 0},
        {"query": "x", "limit": 51},
        {"query": "x", "half_life_seconds": 0},
        {"query": "x", "half_life_seconds": "NaN"},
        {"query": "x", "principal": "user:eve"},
        {},
    ],
    ids=str,
)
def test_a_question_beyond_its_limits_or_naming_its_asker_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Question.model_validate(wrong)


def test_errors_say_what_to_do_and_keep_their_codes() -> None:
    assert str(Misconfigured()) == "The configuration is not usable as it is."
    assert (IndexUnavailable.code, IndexUnavailable.status) == ("index_unavailable", 503)
    assert str(Unavailable("Kafka", "no route")) == "Kafka is not available: no route"
    rejected = Rejected("key_mismatch", "wrong key")
    assert (rejected.reason, str(rejected), isinstance(rejected, FreshlineError)) == ("key_mismatch", "wrong key", True)


def test_compacted_and_single_partition_topics_are_topics_of_ours() -> None:
    assert set(INTERNAL) >= COMPACTED | SINGLE_PARTITION
