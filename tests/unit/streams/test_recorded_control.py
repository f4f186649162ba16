"""Messages that are no rows, as Debezium really writes them: which are ours, which are ignored, which never pass."""

from typing import Any

import pytest
from recorded_kinds import messages, payload
from stream_stage import raw

from schemas.errors import Rejected
from streams.decode import decode, decode_beat


@pytest.mark.parametrize(
    "row",
    [{"id": 1, "status": "open"}, {"ts_ms": 1, "id": 1}, {"ddl": "text"}, {"status": "BEGIN", "id": "1", "ts_ms": 1}],
    ids=str,
)
def test_a_row_without_its_envelope_never_passes_for_something_to_ignore(row: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        decode(raw(row))
    assert caught.value.reason == "unsupported_operation"


def test_a_changed_table_definition_is_knowingly_ignored() -> None:
    """As Debezium's other connectors write it; that of PostgreSQL writes none."""
    message = {
        "source": {"connector": "mysql"},
        "ts_ms": 1,
        "databaseName": "shop",
        "ddl": "ALTER …",
        "tableChanges": [],
    }
    assert decode(raw(message)) is None


def test_our_heartbeats_are_told_from_other_logical_messages() -> None:
    told = [event for event in messages("logical_messages.beats") if event.origin.topic.endswith(".message")]
    beats = [decode_beat(event, "recorder_beats") for event in told]
    prefixes = [payload(event)["message"]["prefix"] for event in told]
    assert [beat is not None for beat in beats] == [prefix == "freshline.recorder_beats" for prefix in prefixes]
    assert {"orders", "bytes", "freshline.recorder_beats"} == set(prefixes)


def test_a_key_change_names_the_other_key_in_its_headers() -> None:
    named = [
        (event.key, name.removeprefix("__debezium."), value)
        for event in messages("key_change.plain")
        for name, value in event.headers
        if name in ("__debezium.newkey", "__debezium.oldkey") and event.origin.topic.endswith("tickets")
    ]
    assert named == [
        (b'{"id":1}', "newkey", b'{"id":2}'),
        (b'{"id":1}', "newkey", b'{"id":2}'),
        (b'{"id":2}', "oldkey", b'{"id":1}'),
    ]
