"""Events of an outbox as Debezium's outbox router really writes them, and as they could be written wrongly."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from recorded_kinds import LIMIT, aggregate, messages, results
from stream_stage import Kafka

from schemas.contract import Aggregate, Contract
from schemas.errors import Rejected
from schemas.relation import RelationTuple
from streams.decode import RawEvent
from streams.intake import Table, tables_by_topic, take
from streams.outbox import decode_event
from streams.taking import Taking

TYPES = {"upserts": ["TicketOpened", "TicketChanged"], "deletes": ["TicketDeleted"], "ignored": ["TicketViewed"]}
TICKET = aggregate(**TYPES)
NAME = "outbox.events.ticket"
TOPIC = f"recorder_outbox.{NAME}"
OPENED, CHANGED, LACKING, DELETED = 1, 3, 8, 9
"""Numbers of recorded events."""


def recorded(number: int = OPENED) -> RawEvent:
    return [event for event in messages("outbox.outbox") if event.origin.topic == TOPIC][number]


def changed(raw: RawEvent, name: str, change: Callable[[Any], Any]) -> RawEvent:
    """With another header."""
    headers = ((known, orjson.dumps(change(orjson.loads(v))) if known == name else v) for known, v in raw.headers)
    return replace(raw, headers=tuple(headers))


def refusal(raw: RawEvent, rules: Aggregate = TICKET) -> tuple[str, str]:
    with pytest.raises(Rejected) as refused:
        decode_event(raw, NAME, rules)
    return refused.value.reason, str(refused.value)


def test_an_event_is_its_payload_at_the_place_its_row_had_in_the_sources_log() -> None:
    event = decode_event(recorded(), NAME, TICKET)
    assert event is not None
    source = orjson.loads(dict(recorded().headers)["source"])
    before = int(orjson.loads(source["sequence"])[0])
    assert event.position == f"{before:016x}.{source['lsn']:016x}.00000002"
    assert (event.op, event.table, event.key, event.commit_ms) == (
        "upsert",
        NAME,
        {"aggregateid": "1"},
        source["ts_ms"],
    )
    payload = {"id": 1, "note": "one", "cost": 12.5, "tags": ["a", 1, None], "by": {"name": "ann"}, "region": None}
    assert event.row == {**payload, "aggregateid": "1"}


def test_the_events_of_a_record_are_in_the_order_of_the_log_and_a_replay_of_an_older_one_stays_older() -> None:
    found = [decode_event(recorded(number), NAME, TICKET) for number in (OPENED, CHANGED, DELETED)]
    positions = [event.position for event in found if event is not None]
    assert positions == sorted(set(positions))
    assert len(positions) == 3
    again = replace(recorded(), headers=(*recorded().headers, ("freshline.first-offset", b"1")))
    replayed = decode_event(again, NAME, TICKET)
    assert replayed is not None
    assert replayed.position == positions[0]


def test_a_delete_event_and_an_upsert_without_payload_take_the_record_away() -> None:
    nothing = (None, b"null", b'"null"', b'""', b'"  "')
    for raw in (recorded(DELETED), *(replace(recorded(CHANGED), value=value) for value in nothing)):
        event = decode_event(raw, NAME, TICKET)
        assert event is not None
        assert (event.op, event.row) == ("delete", {})


def test_a_delete_event_may_carry_a_payload() -> None:
    event = decode_event(changed(recorded(), "eventType", lambda _: "TicketDeleted"), NAME, TICKET)
    assert event is not None
    assert event.op == "delete"


def test_events_that_a_snapshot_read_are_history_and_ignored() -> None:
    for how in ("true", "last", "incremental", True):
        raw = changed(recorded(), "source", lambda source, how=how: {**source, "snapshot": how})
        assert decode_event(raw, NAME, TICKET) is None


def test_messages_with_schemas_and_expanded_payloads_are_read_alike() -> None:
    raw = recorded(CHANGED)
    wrapped = replace(
        raw,
        key=orjson.dumps({"schema": {"type": "string"}, "payload": "1"}),
        value=orjson.dumps({"schema": {"type": "string"}, "payload": orjson.loads(raw.value or b"")}),
        headers=tuple((name, b'{"schema":null,"payload":' + value + b"}") for name, value in raw.headers),
    )
    expanded = replace(raw, value=orjson.loads(raw.value or b"").encode())
    wanted = decode_event(raw, NAME, TICKET)
    assert wanted is not None
    assert [decode_event(other, NAME, TICKET) for other in (wrapped, expanded)] == [wanted, wanted]


def test_optional_fields_are_null_where_the_payload_leaves_them_out_and_the_key_is_the_aggregate_id() -> None:
    rules = aggregate(**TYPES, key=["id"], optional=["note", "team"])
    event = decode_event(recorded(LACKING), NAME, rules)
    assert event is not None
    assert (event.key, event.row) == ({"id": "1"}, {"id": "1", "note": None, "team": None})


@pytest.mark.parametrize(
    ("broken", "reason", "told"),
    [
        (lambda raw: changed(raw, "eventType", lambda _: "TicketBurnt"), "unsupported_operation", "'TicketBurnt'"),
        (lambda raw: changed(raw, "eventType", lambda _: None), "unsupported_operation", "event type None"),
        (lambda raw: replace(raw, headers=()), "malformed_event", "no source header"),
        (lambda raw: replace(raw, key=None), "malformed_event", "no aggregate id"),
        (lambda raw: replace(raw, key=b"null"), "malformed_event", "no aggregate id"),
        (lambda raw: replace(raw, key=b'""'), "malformed_event", "no aggregate id"),
        (lambda raw: replace(raw, key=b'{"id":1}'), "malformed_event", "no aggregate id"),
        (lambda raw: replace(raw, value=b'"[1]"'), "malformed_event", "not a JSON object"),
        (lambda raw: replace(raw, value=b'"{"'), "malformed_event", "not JSON"),
        (lambda raw: replace(raw, value=b"\xff"), "malformed_event", "not JSON"),
        (lambda raw: changed(raw, "source", lambda s: {**s, "lsn": None}), "unknown_position", "lsn"),
        (lambda raw: changed(raw, "source", lambda s: {**s, "ts_ms": None}), "malformed_event", "ts_ms"),
    ],
)
def test_what_cannot_be_read_is_rejected(broken: Callable[[RawEvent], RawEvent], reason: str, told: str) -> None:
    found, message = refusal(broken(recorded()))
    assert found == reason
    assert told in message


def test_an_event_of_another_table_on_the_topic_is_rejected() -> None:
    raw = changed(recorded(), "source", lambda source: {**source, "table": "event"})
    taken = take(raw, {TOPIC: Table("recorder_outbox", NAME, TICKET)}, LIMIT)
    assert taken.change is None
    assert taken.rejected is not None
    assert taken.rejected.reason == "unknown_table"


def test_a_field_that_a_payload_lacks_is_one_bad_event_and_not_a_column_that_is_gone() -> None:
    taken = take(recorded(LACKING), {TOPIC: Table("recorder_outbox", NAME, TICKET)}, LIMIT)
    assert taken.rejected is not None
    assert taken.rejected.reason == "malformed_event"
    assert "'note'" in str(taken.rejected)
    assert "optional" in str(taken.rejected)
    assert taken.change is not None
    assert taken.change.op == "relabel"


def test_a_field_that_permissions_need_and_the_payload_lacks_takes_the_record_away() -> None:
    rules = aggregate(**TYPES, permissions={"tenant": "acme", "readers": ["user:{owner}"]})
    taken = take(recorded(CHANGED), {TOPIC: Table("recorder_outbox", NAME, rules)}, LIMIT)
    assert taken.rejected is not None
    assert taken.change is not None
    assert taken.change.op == "delete"


def test_an_aggregate_may_grant() -> None:
    relation = {"tenant": "{tenant}", "object": "team:{team}", "relation": "member", "subject": "user:{aggregateid}"}
    rules = aggregate(upserts=["MemberJoined"], relation=relation)
    [grant] = [
        taken.grant for _, taken in results("outbox.outbox", {"outbox.events.member": rules}) if taken.grant is not None
    ]
    assert grant.tuples == (RelationTuple(tenant="acme", object="team:7", relation="member", subject="user:ann"),)


class NoRaw:
    """The past of an outbox is never looked up: nothing of an event depends on it."""

    def before(self, *_: object) -> Any:
        raise AssertionError("the past was asked for")

    of_key = before


async def test_a_batch_of_recorded_events_becomes_changes_and_dead_letters_without_a_look_at_the_past() -> None:
    contract = Contract.model_validate(
        {
            "source": "recorder_outbox",
            "connector": {"plugin": "postgres", "config": "x.json"},
            "outboxes": {"outbox.events": {"aggregates": {"ticket": TICKET}}},
        }
    )
    kafka = Kafka()
    taking = Taking(tables_by_topic([contract]), NoRaw(), LIMIT, 4)
    await taking.take([event for event in messages("outbox.outbox") if event.origin.topic == TOPIC], kafka.send)
    told = [(change.op, change.record_id.rpartition("/")[2], change.text) for change in kafka.changes]
    assert told == [
        ("upsert", "1", "one"),
        ("upsert", "2", "two"),
        ("upsert", "1", "ONE"),
        ("relabel", "1", ""),
        ("delete", "1", ""),
        ("delete", "2", ""),
        ("upsert", "3", "three"),
    ]
    reasons = [letter.reason for letter in kafka.letters]
    assert reasons == ["unsupported_operation"] * 2 + ["malformed_event"] * 2
