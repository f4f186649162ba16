"""The bench's events: like recorded ones, the same for the same seed, and understood by the product."""

from collections import Counter
from pathlib import Path

import orjson
import pytest
from stream_stage import RECORDED

from bench.events import SOURCES, TOPIC, Event, Mix, mix, new_texts
from bench.events.hard import hard_cases, last_rows
from bench.events.source_log import UNCHANGED
from bench.events.texts import LONG_WORDS
from bench.events.topic import wrapped
from connectors.load import load
from schemas.change import Origin
from streams.decode import RawEvent
from streams.intake import Taken, tables_by_topic, take
from streams.partition import partition_of

TABLES = tables_by_topic(load(SOURCES))


@pytest.fixture(scope="module")
def mixed() -> Mix:
    return mix(400, seed=3, rows=100)


def taken(event: Event) -> Taken:
    origin = Origin(topic=TOPIC, partition=0, offset=0)
    return take(RawEvent(origin, event.key, event.value, event.headers), TABLES, max_text_bytes=200_000)


def bodies(events: list[Event]) -> list[str]:
    return [orjson.loads(event.value or b"")["after"]["body"] for event in events]


def keys(events: list[Event]) -> list[int]:
    return [orjson.loads(event.key or b"")["id"] for event in events]


def recorded(name: str) -> dict[str, dict[str, object]]:
    """Operation -> the envelope of a recorded event."""
    lines = [orjson.loads(line) for line in (Path(RECORDED) / f"{name}.jsonl").read_bytes().splitlines()]
    return {line["value"]["op"]: line["value"] for line in lines if line["value"] and "op" in line["value"]}


def test_events_have_every_field_that_recorded_ones_have() -> None:
    made = {orjson.loads(e.value)["op"]: orjson.loads(e.value) for c in hard_cases() for e in c.then if e.value}
    real = recorded("03_update_default_identity") | recorded("05_delete_with_tombstone") | recorded("17_truncate")
    for op, envelope in real.items():
        assert made[op].keys() == envelope.keys()
        assert made[op]["source"].keys() == envelope["source"].keys()  # type: ignore[attr-defined]
        assert made[op]["before"] is None or made[op]["after"] is None


def test_the_same_seed_gives_the_same_events_and_another_seed_others() -> None:
    assert new_texts(20, seed=1) == new_texts(20, seed=1) != new_texts(20, seed=2)
    assert mix(20, seed=1, rows=20) == mix(20, seed=1, rows=20) != mix(20, seed=2, rows=20)


def test_new_texts_are_all_different_and_fit_into_one_chunk() -> None:
    texts = bodies(new_texts(500, seed=1))
    assert len(set(texts)) == 500
    assert max(len(text.split()) for text in texts) <= LONG_WORDS[1]
    assert 100 < sum(len(text.split()) > 100 for text in texts) < 200


def test_the_product_takes_every_event(mixed: Mix) -> None:
    for event in [*new_texts(50, seed=1), *mixed.rows, *mixed.events]:
        assert taken(event).rejected is None


def test_positions_rise_from_change_to_change(mixed: Mix) -> None:
    changes = [taken(event).change for event in [*mixed.rows, *mixed.events]]
    positions = [change.position for change in changes if change is not None]
    assert positions == sorted(set(positions))


def test_a_mix_has_the_shares_it_promises(mixed: Mix) -> None:
    kinds = Counter(change.kind for change in mixed.changes)
    assert kinds == {"untouched": 240, "permissions": 80, "edited": 60, "new": 10, "deleted": 10}


def test_a_mix_changes_texts_only_where_it_says_so(mixed: Mix) -> None:
    texts = {
        orjson.loads(event.key or b"")["id"]: text for event, text in zip(mixed.rows, bodies(mixed.rows), strict=True)
    }
    for change in mixed.changes:
        assert texts.get(change.key) == change.before
        assert (change.before == change.after) == (change.kind in ("untouched", "permissions"))
        if change.after is None:
            del texts[change.key]
        else:
            texts[change.key] = change.after
    assert texts == mixed.texts


def test_an_edit_touches_one_paragraph_of_several(mixed: Mix) -> None:
    for change in mixed.changes:
        if change.kind == "edited":
            before, after = (change.before or "").split("\n\n"), (change.after or "").split("\n\n")
            assert sum(old != new for old, new in zip(before, after, strict=True)) == 1 < len(before)


def test_full_identity_tells_the_whole_row_before() -> None:
    updates = [c for c in mix(40, seed=3, rows=10, full=True).changes if c.kind == "edited"]
    assert [orjson.loads(c.events[0].value or b"")["before"]["body"] for c in updates] == [c.before for c in updates]


def test_a_wrapped_message_is_what_connect_writes_with_schemas() -> None:
    event = new_texts(1, seed=1)[0]
    assert orjson.loads(wrapped(event.value) or b"") == {"schema": None, "payload": orjson.loads(event.value or b"")}
    assert wrapped(None) is None
    assert taken(Event(wrapped(event.key), wrapped(event.value))) == taken(event)


def test_last_rows_come_after_every_hard_event_and_stand_in_every_partition() -> None:
    events = [event for case in hard_cases() for event in (*case.first, *case.then)]
    hard = [taken(event).change for event in events]
    late = {key: taken(event).change for key, row in last_rows().items() for event in row}
    assert {partition_of(f'{{"id":{key}}}', 4) for key in late} == {0, 1, 2, 3}
    highest = max(change.position for change in hard if change is not None)
    assert all(change is not None and change.position > highest for change in late.values())


def test_hard_events_with_full_identity_tell_every_row_before_and_every_text() -> None:
    events = [event for case in hard_cases(full=True) for event in case.then if event.value is not None]
    envelopes = [orjson.loads(event.value or b"") for event in events]
    assert all(envelope["before"]["body"] for envelope in envelopes if envelope["op"] in "ud")
    assert not any(UNCHANGED.encode() in (event.value or b"") for event in events)
