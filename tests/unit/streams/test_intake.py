"""Intake: what one raw event becomes; who may see it is either known, or nobody does."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_stage import CONTRACT, MEMBERS_TOPIC, ROW, TOPIC, envelope, raw

from schemas.change import Change, Origin
from schemas.label import Label
from schemas.position import START, Position, of_read
from schemas.relation import Grant, RelationTuple
from schemas.template import PLACEHOLDER
from streams.intake import Taken, tables_by_topic, take
from streams.past import Past

TABLES = tables_by_topic([CONTRACT])
LIMIT = 1000
NAME = "helpdesk/helpdesk.tickets/42"
AT = Position(f"{100:016x}.{100:016x}.00000001")
LABEL = Label(tenant="acme", readers=("user:ann@acme.example", "team:7#member"), denied=(), attributes={"region": "eu"})
TUPLE = RelationTuple(tenant="acme", object="ticket:42", relation="reader", subject="team:7#member")
GRANT = Grant(record_id=NAME, position=AT, commit_ms=1795400764444, tuples=(TUPLE,))
NO_GRANT = GRANT.model_copy(update={"tuples": ()})
UNREADABLE = NO_GRANT.model_copy(update={"unreadable": True})
CHANGE = Change(
    op="upsert",
    record_id=NAME,
    source="helpdesk",
    table="helpdesk.tickets",
    key={"id": 42},
    position=AT,
    commit_ms=1795400764444,
    event_ms=1795400764443,
    origin=Origin(topic=TOPIC, partition=1, offset=5),
    label=LABEL.id,
    title="Printer",
    text="It is on fire.",
    url="https://helpdesk.example/42",
    metadata={"status": "open"},
)
GONE = Change(
    **CHANGE.model_dump(include={"record_id", "source", "table", "key", "position", "commit_ms", "origin"}),
    op="delete",
    event_ms=CHANGE.commit_ms,
)
RELABEL = GONE.model_copy(update={"op": "relabel", "label": LABEL.id})
REST = len("Printer" + "https://helpdesk.example/42" + '{"status": "open"}')
"""Bytes of ROW's record beside its text."""


def taken(**columns: Any) -> Taken:
    return take(raw(envelope(**columns)), TABLES, LIMIT)


def without(column: str) -> Taken:
    row = {name: value for name, value in ROW.items() if name != column}
    return take(raw(envelope(row=row)), TABLES, LIMIT)


def reason(result: Taken) -> str | None:
    return result.rejected.reason if result.rejected else None


@pytest.mark.parametrize("op", ["c", "u"])
def test_a_row_becomes_a_change_a_label_and_a_grant(op: str) -> None:
    assert taken(op=op) == Taken(CHANGE, LABEL, GRANT, streamed=AT)


def test_a_row_that_a_snapshot_read_becomes_the_same_right_after_what_was_streamed_before() -> None:
    place = {"position": of_read(START, 5)}
    change, grant = CHANGE.model_copy(update=place), GRANT.model_copy(update=place)
    assert take(raw(envelope("r")), TABLES, LIMIT, Past(START)) == Taken(change, LABEL, grant)


def test_a_delete_takes_away_the_record_and_what_it_granted() -> None:
    assert taken(op="d") == Taken(GONE, None, NO_GRANT, streamed=AT)


def test_a_truncate_empties_the_table_and_ends_all_that_its_rows_granted() -> None:
    table = {"record_id": "helpdesk/helpdesk.tickets"}
    change = GONE.model_copy(update=table | {"op": "truncate", "key": {}})
    grant = NO_GRANT.model_copy(update=table | {"truncated": True})
    assert taken(op="t") == Taken(change, None, grant, streamed=AT)


def test_a_truncate_of_a_table_that_only_grants_is_no_change_of_the_index() -> None:
    value = envelope("t")
    value["source"]["table"] = "members"
    result = take(raw(value, topic=MEMBERS_TOPIC), TABLES, LIMIT)
    assert (result.change, result.rejected) == (None, None)
    assert result.grant is not None
    assert (result.grant.record_id, result.grant.truncated) == ("helpdesk/helpdesk.members", True)


def test_an_unsent_column_is_taken_from_the_past_also_where_it_decides_who_may_see() -> None:
    unsent = raw(envelope(body=PLACEHOLDER, owner=PLACEHOLDER))
    past = Past(values={"body": ROW["body"], "owner": ROW["owner"], "subject": "older"})
    assert take(unsent, TABLES, LIMIT, past) == Taken(CHANGE, LABEL, GRANT, streamed=AT)


def test_nothing_of_a_masked_column_comes_out_of_the_past() -> None:
    result = take(raw(envelope(card_number=PLACEHOLDER)), TABLES, LIMIT, Past(values={"card_number": "4111-old"}))
    assert result == Taken(CHANGE, LABEL, GRANT, streamed=AT)


def test_a_rejected_event_still_tells_what_was_streamed() -> None:
    assert taken(tenant_id=None).streamed == AT
    assert take(raw(envelope(), key={"uuid": 1}), TABLES, LIMIT).streamed == AT


def test_a_tombstone_is_nothing() -> None:
    assert take(raw(None), TABLES, LIMIT) == Taken()


def test_a_row_that_only_grants_is_no_record() -> None:
    row = {"team_id": 7, "email": "bo@acme.example", "tenant_id": "acme"}
    value = envelope(row=row)
    value["source"]["table"] = "members"
    result = take(raw(value, {"email": "bo@acme.example", "team_id": 7}, MEMBERS_TOPIC), TABLES, LIMIT)
    assert result.grant is not None
    assert result.grant.record_id == "helpdesk/helpdesk.members/7,bo%40acme.example"
    assert [t.userset for t in result.grant.tuples] == ["team:7#member"]
    assert (result.change, result.label, result.rejected) == (None, None, None)


def test_nothing_of_a_masked_column_comes_out() -> None:
    assert "4111" not in repr(taken())
    assert "4111" not in repr(taken(tenant_id=None))


def test_null_columns_leave_title_and_text_empty_and_the_record_still_known() -> None:
    change = taken(subject=None, body=None).change
    assert change == CHANGE.model_copy(update={"title": "", "text": ""})


def test_a_null_event_time_falls_back_to_the_commit() -> None:
    change = taken(updated_at=None).change
    assert change is not None
    assert change.event_ms == change.commit_ms


def test_a_null_reader_is_left_out_and_a_denied_one_is_kept() -> None:
    label = taken(owner=None, excluded="eve@acme.example", region=None).label
    assert label == Label(tenant="acme", readers=("team:7#member",), denied=("user:eve@acme.example",))


@pytest.mark.parametrize(
    "columns", [{"tenant_id": None}, {"tenant_id": ""}, {"owner": None, "team": None}], ids=["null", "empty", "reader"]
)
def test_without_tenant_or_reader_the_record_and_its_grants_are_taken_away_and_the_event_kept(
    columns: dict[str, Any],
) -> None:
    result = taken(**columns)
    assert (result.change, result.label, result.grant) == (GONE, None, NO_GRANT)
    assert reason(result) == "no_permission"


@pytest.mark.parametrize(
    ("columns", "grant"),
    [
        ({"owner": "*"}, GRANT),
        ({"owner": "x#member"}, GRANT),
        ({"team": "7#owner"}, UNREADABLE),
        ({"excluded": "a*"}, GRANT),
    ],
    ids=str,
)
def test_a_value_cannot_make_a_reader_into_everybody_or_into_a_userset(columns: dict[str, Any], grant: Grant) -> None:
    result = taken(**columns)
    assert (result.change, result.label, result.grant, reason(result)) == (GONE, None, grant, "no_permission")


@pytest.mark.parametrize("column", ["tenant_id", "owner", "team", "excluded", "region"])
def test_where_it_is_unknown_who_may_see_a_record_nobody_does_and_what_it_grants_is_unreadable(column: str) -> None:
    absent, unsent = without(column), taken(**{column: PLACEHOLDER})
    grant = UNREADABLE if column in ("tenant_id", "team") else GRANT
    assert (absent.change, absent.label, absent.grant) == (GONE, None, grant)
    assert (unsent.change, unsent.label, unsent.grant) == (GONE, None, grant)
    assert (reason(absent), reason(unsent)) == ("missing_column", "placeholder_value")


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"body": PLACEHOLDER}, "placeholder_value"),
        ({"subject": [PLACEHOLDER]}, "placeholder_value"),
        ({"status": PLACEHOLDER}, "placeholder_value"),
        ({"updated_at": PLACEHOLDER}, "placeholder_value"),
        ({"updated_at": "soon"}, "malformed_event"),
        ({"body": "x" * (LIMIT - REST + 1)}, "text_too_large"),
        ({"status": "ä" * LIMIT}, "text_too_large"),
        ({"body": "ä" * 500}, "text_too_large"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_content_that_cannot_be_used_is_set_aside_but_who_may_see_the_record_and_what_the_row_grants_holds(
    columns: dict[str, Any], why: str
) -> None:
    result = taken(**columns)
    assert (result.change, result.label, result.grant, reason(result)) == (RELABEL, LABEL, GRANT, why)


def test_unusable_content_of_a_new_row_takes_away_what_is_left_of_an_older_one_and_what_the_row_grants_holds() -> None:
    result = take(raw(envelope("c", body="x" * LIMIT)), TABLES, LIMIT)
    assert (result.change, result.label, result.grant, reason(result)) == (GONE, None, GRANT, "text_too_large")


def test_a_text_just_at_the_limit_is_taken() -> None:
    assert taken(body="x" * (LIMIT - REST)).rejected is None


@pytest.mark.parametrize("column", ["subject", "body", "status", "updated_at"])
def test_a_dropped_column_of_the_content_is_named(column: str) -> None:
    result = without(column)
    assert (reason(result), f"'{column}'" in str(result.rejected)) == ("missing_column", True)


def test_another_table_or_topic_than_the_contracts_is_rejected() -> None:
    value = envelope()
    value["source"]["table"] = "invoices"
    assert reason(take(raw(value), TABLES, LIMIT)) == "unknown_table"
    assert reason(take(raw(envelope(), topic="other.public.t"), TABLES, LIMIT)) == "unknown_table"


@pytest.mark.parametrize("key", [{}, {"uuid": 1}, {"id": 1, "part": 2}])
def test_a_message_keyed_otherwise_than_the_contract_is_rejected(key: dict[str, Any]) -> None:
    assert reason(take(raw(envelope(), key), TABLES, LIMIT)) == "key_mismatch"
    assert reason(take(raw(envelope("d"), key), TABLES, LIMIT)) == "key_mismatch"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
COLUMNS = st.dictionaries(st.sampled_from(sorted(ROW)), JSON, max_size=4)
PARTS = st.dictionaries(st.sampled_from(["op", "source", "after", "transaction", "before"]), JSON, max_size=2)
SOURCE = st.dictionaries(st.sampled_from(["lsn", "ts_ms", "schema", "table", "connector"]), JSON, max_size=2)


@given(st.sampled_from("crud"), COLUMNS, PARTS, SOURCE, JSON)
def test_it_never_raises_and_never_leaks_whatever_the_envelope_holds(
    op: str, columns: dict[str, Any], parts: dict[str, Any], source: dict[str, Any], key: Any
) -> None:
    value = envelope(op, **{name: value for name, value in columns.items() if name != "card_number"})
    value["source"].update(source)
    for event in (raw(value), raw(value | parts), raw(value, {"id": key}), raw(value, key)):
        result = take(event, TABLES, LIMIT)
        assert result.change or result.grant or result.rejected
        assert (result.label is not None) == (result.change is not None and result.change.op in ("upsert", "relabel"))
        assert "4111-secret" not in repr(result)


@given(st.none() | st.binary(max_size=50), st.none() | st.binary(max_size=50))
def test_it_never_raises_whatever_the_bytes(key: bytes | None, value: bytes | None) -> None:
    take(replace(raw(None), key=key, value=value), TABLES, LIMIT)


@pytest.mark.parametrize(("column", "field"), [("subject", "title"), ("status", "metadata")])
def test_what_the_index_would_not_take_is_set_aside_here_so_that_the_last_good_content_stays_in_the_topic(
    column: str, field: str
) -> None:
    result = take(raw(envelope(**{column: "x" * 65_536})), TABLES, 200_000)
    assert (result.change and result.change.op, reason(result)) == ("relabel", "text_too_large")
    assert f"'{field}'" in str(result.rejected)
