"""Decode: every recorded Debezium event, and every way in which a message can be no event."""

from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
import pytest
from stream_stage import ROW, as_raw, envelope, raw, recorded

from schemas.errors import Rejected
from schemas.position import START, Position, of_read
from schemas.progress import Beat
from streams.decode import Op, RawEvent, RowEvent, UnknownPast, decode, decode_beat

MESSAGES = [pytest.param(message, id=f"{name}-{message['topic']}-{message['offset']}") for name, message in recorded()]
OPERATIONS: dict[str, Op] = {"c": "upsert", "u": "upsert", "r": "read", "d": "delete", "t": "truncate"}
OUTBOX = next(message for _, message in recorded() if message["topic"] == "lab.message")


def payload(part: Any) -> Any:
    return part["payload"] if isinstance(part, dict) and part.keys() == {"schema", "payload"} else part


def outcome(event: RawEvent) -> RowEvent | str | None:
    try:
        return decode(event, START)
    except Rejected as rejected:
        return rejected.reason


def expected(message: dict[str, Any]) -> RowEvent | str | None:
    """What a recorded message means, read straight from what was recorded."""
    if message["value"] is None:
        return None
    value, key = payload(message["value"]), payload(message["key"])
    op = value.get("op")
    if op == "m" or message["topic"].endswith(".transaction") or message["topic"].startswith("__debezium-heartbeat."):
        return None
    if op not in OPERATIONS:
        return "unsupported_operation"
    source = value["source"]
    return RowEvent(
        op=OPERATIONS[op],
        table=f"{source['schema']}.{source['table']}",
        key={} if op == "t" else key,
        position=of_read(START, message["offset"]) if op == "r" else streamed(source, value["transaction"]),
        commit_ms=source["ts_ms"],
        row=value["after"] or {},
        created=op == "c",
    )


def streamed(source: dict[str, Any], transaction: dict[str, Any] | None) -> Position:
    commit, lsn = orjson.loads(source["sequence"])
    order = (transaction or {}).get("total_order", 0)
    return Position(f"{int(commit or lsn):016x}.{source['lsn']:016x}.{order:08x}")


@pytest.mark.parametrize("message", MESSAGES)
def test_every_recorded_message_is_read_for_what_it_is(message: dict[str, Any]) -> None:
    assert outcome(as_raw(message)) == expected(message)


@pytest.mark.parametrize("message", MESSAGES)
def test_with_schemas_a_message_means_the_same(message: dict[str, Any]) -> None:
    def wrapped(part: Any) -> Any:
        return None if part is None else {"schema": {"type": "struct"}, "payload": payload(part)}

    again = as_raw({**message, "key": wrapped(message["key"]), "value": wrapped(message["value"])})
    assert outcome(again) == expected(message)


def test_the_recorded_messages_cover_every_kind() -> None:
    kinds = Counter(type(expected(message)).__name__ for _, message in recorded())
    assert kinds == {"RowEvent": 23, "NoneType": 39, "str": 3}


def test_a_delete_holds_nothing_of_before_which_is_made_of_type_defaults() -> None:
    value = {**envelope("d"), "before": {**ROW, "subject": ""}}
    event = decode(raw(value))
    assert event is not None
    assert (event.op, event.row, event.key) == ("delete", {}, {"id": 42})


def test_a_delete_needs_no_before_at_all() -> None:
    value = envelope("d")
    del value["before"], value["after"]
    event = decode(raw(value))
    assert event is not None
    assert event.op == "delete"


def test_a_truncate_needs_no_key_and_names_no_row() -> None:
    value = envelope("t")
    del value["before"], value["after"]
    for event in (decode(raw(value)), decode(replace(raw(value), key=None))):
        assert event is not None
        assert (event.op, event.table, event.key, event.row) == ("truncate", "helpdesk.tickets", {}, {})


def test_a_row_that_a_snapshot_read_stands_right_after_what_was_streamed_before_it() -> None:
    before = Position("what stands before")
    for lsn in (100, None):  # an incremental snapshot's rows have no LSN
        event = decode(raw(envelope("r", lsn=lsn), offset=9), before)
        assert event is not None
        assert (event.op, event.position, event.row) == ("read", of_read(before, 9), ROW)


def test_a_row_that_a_snapshot_read_cannot_be_ordered_without_what_stands_before_it() -> None:
    with pytest.raises(UnknownPast):
        decode(raw(envelope("r")))


def test_what_stands_before_a_streamed_change_does_not_matter_to_it() -> None:
    assert decode(raw(envelope()), Position("f" * 40)) == decode(raw(envelope()))


@pytest.mark.parametrize(
    "value",
    [
        {**envelope(), "op": "m"},
        {"status": "BEGIN", "id": "736:26523328", "ts_ms": 1, "event_count": None, "data_collections": None},
        {"status": "END", "id": "736:26523328", "ts_ms": 1, "event_count": 0, "data_collections": []},
        {"ts_ms": 1795400701812},
    ],
    ids=["logical message", "begin", "end", "heartbeat"],
)
def test_what_is_no_rows_is_knowingly_ignored(value: dict[str, Any]) -> None:
    assert decode(raw(value), START) is None


def test_a_tombstone_is_nothing() -> None:
    assert decode(raw(None)) is None
    assert decode(RawEvent(raw(None).origin, None, None)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"not json",
        b"<html>502 Bad Gateway</html>",
        b"\xff\xfe",
        b'"\xc3\x28"',
        b"[1]",
        b"42",
        b"null",
        b'"text"',
        b"NaN",
        b'{"op":"c"',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"[" * 100_000,
        b'"\\ud83d"',
        b'{"schema": {}, "payload": null}',
        b'{"schema": {}, "payload": [1]}',
    ],
    ids=lambda data: repr(data[:20]),
)
def test_what_is_no_json_object_is_malformed_as_value_and_as_key(data: bytes) -> None:
    assert outcome(raw(data)) == "malformed_event"
    assert outcome(raw(envelope(), key=data)) == "malformed_event"


@pytest.mark.parametrize("op", ["x", "", "T", "cu", None, 1, ["c"], {"op": "c"}], ids=repr)
def test_operations_that_nobody_knows_are_set_aside(op: Any) -> None:
    assert outcome(raw({**envelope(), "op": op})) == "unsupported_operation"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"source": None}, "malformed_event"),
        ({"source": "postgres"}, "malformed_event"),
        ({"after": None}, "malformed_event"),
        ({"after": [1]}, "malformed_event"),
        ({"transaction": [1]}, "unknown_position"),
        ({"transaction": {"total_order": "first"}}, "unknown_position"),
    ],
    ids=str,
)
def test_an_envelope_with_a_wrong_part_is_rejected(changed: dict[str, Any], reason: str) -> None:
    assert outcome(raw({**envelope(), **changed})) == reason


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"lsn": None}, "unknown_position"),
        ({"sequence": "26523560"}, "unknown_position"),
        ({"connector": "mysql"}, "unknown_position"),
        ({"ts_ms": None}, "malformed_event"),
        ({"ts_ms": "1795400764444"}, "malformed_event"),
        ({"ts_ms": True}, "malformed_event"),
    ],
    ids=str,
)
def test_a_source_block_without_place_or_time_is_rejected(changed: dict[str, Any], reason: str) -> None:
    value = envelope()
    value["source"].update(changed)
    assert outcome(raw(value)) == reason


def test_a_message_without_key_cannot_be_named() -> None:
    assert outcome(replace(raw(envelope()), key=None)) == "malformed_event"


def test_a_message_of_another_prefix_is_no_heartbeat_of_ours() -> None:
    assert decode_beat(as_raw(OUTBOX), "lab") is None
    assert decode_beat(raw(None), "lab") is None
    assert decode_beat(raw(envelope()), "lab") is None
    assert decode_beat(raw({**envelope(), "op": "m", "message": "text"}), "lab") is None


def test_our_own_message_is_a_heartbeat_at_its_commit() -> None:
    value = OUTBOX["value"] | {"message": {"prefix": "freshline.lab", "content": ""}}
    beat = decode_beat(as_raw(OUTBOX | {"value": value}), "lab")
    assert beat == Beat(source="lab", commit_ms=1795400822953, position=streamed(OUTBOX["value"]["source"], None))
    with pytest.raises(Rejected):
        decode_beat(RawEvent(raw(None).origin, None, orjson.dumps(value | {"source": None})), "lab")
