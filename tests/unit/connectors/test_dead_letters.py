import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.dead_letter_show import as_json, counts_line, letter_text, plan_text
from connectors.dead_letter_text import MOST_SHOWN, pretty
from connectors.dead_letters import Entry, Letters, Stored, Wanted, collect, entry_of, moment_ms, wanted
from connectors.redrive import Planned, repairs
from schemas.change import Origin
from schemas.dead_letter import FIRST_OFFSET, DeadLetter
from schemas.errors import Misconfigured, RejectReason

TOPIC = "shop.public.orders"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
LETTER = DeadLetter(
    origin=Origin(topic=TOPIC, partition=2, offset=4711),
    reason="no_permission",
    message="nobody may see it",
    at_ms=NOW_MS,
    source="shop",
    table="public.orders",
    key=b'{"id": 7}',
    value=b'{"op": "u"}',
    headers=(("a", b"1"),),
)


def letter(offset: int, reason: RejectReason = "no_permission", **fields: Any) -> DeadLetter:
    origin = Origin(topic=TOPIC, partition=2, offset=offset)
    return LETTER.model_copy(update={"origin": origin, "reason": reason, **fields})


def stored(*messages: DeadLetter | tuple[bytes, bytes | None]) -> list[Stored]:
    def one(message: DeadLetter | tuple[bytes, bytes | None]) -> tuple[bytes, bytes | None]:
        if isinstance(message, tuple):
            return message
        origin = message.origin
        return f"{origin.topic}/{origin.partition}/{origin.offset}".encode(), message.model_dump_json().encode()

    return [(100 + number, *one(message)) for number, message in enumerate(messages)]


def ids(letters: Letters, choice: Wanted) -> list[str]:
    return [entry.id.rpartition("/")[2] for entry in letters.chosen(choice)]


def test_a_letter_is_named_by_its_origin_and_kept_without_its_bytes() -> None:
    assert collect(stored(LETTER)).open == {
        f"{TOPIC}/2/4711": Entry(
            origin=LETTER.origin,
            offset=100,
            first=4711,
            at_ms=NOW_MS,
            source="shop",
            table="public.orders",
            reason="no_permission",
            message="nobody may see it",
            record=entry_of(LETTER, 0).record,
            key='{"id": 7}',
            size=11,
        )
    }


def test_a_settled_letter_is_gone_until_its_event_is_rejected_once_more() -> None:
    tombstone = (f"{TOPIC}/2/4711".encode(), None)
    assert collect(stored(LETTER, letter(5), tombstone)).open.keys() == {f"{TOPIC}/2/5"}
    again = collect(stored(LETTER, tombstone, LETTER))
    assert [entry.offset for entry in again.open.values()] == [102]


def test_the_same_event_rejected_twice_is_one_letter_with_the_newer_reason() -> None:
    (entry,) = collect(stored(letter(5), letter(5, "text_too_large"))).open.values()
    assert (entry.reason, entry.offset) == ("text_too_large", 101)


def test_messages_that_are_no_dead_letters_are_counted_and_do_not_hide_others() -> None:
    letters = collect(stored((b"x", b"{}"), LETTER, (b"\xff", b"\xfe")))
    assert (letters.unreadable, len(letters.open)) == (2, 1)


def test_each_filter_narrows_and_all_must_fit() -> None:
    letters = collect(
        stored(
            letter(1, at_ms=NOW_MS - 1000),
            letter(2, "malformed_event"),
            letter(3, source="crm", at_ms=NOW_MS + 1000),
            letter(4, table="public.members", at_ms=NOW_MS + 2000),
        )
    )
    assert ids(letters, Wanted()) == ["1", "2", "3", "4"]
    assert ids(letters, Wanted(source="shop")) == ["1", "2", "4"]
    assert ids(letters, Wanted(table="public.members")) == ["4"]
    assert ids(letters, Wanted(reason="malformed_event")) == ["2"]
    assert ids(letters, Wanted(since_ms=NOW_MS)) == ["2", "3", "4"]
    assert ids(letters, Wanted(until_ms=NOW_MS)) == ["1"]
    assert ids(letters, Wanted(frozenset({f"{TOPIC}/2/1", f"{TOPIC}/2/2"}))) == ["1", "2"]
    assert ids(letters, Wanted(source="shop", reason="no_permission", since_ms=NOW_MS)) == ["4"]


def test_an_id_or_reason_that_does_not_exist_is_an_error_not_an_empty_list() -> None:
    with pytest.raises(Misconfigured, match="no such dead letter: shop/0/1"):
        Letters().chosen(Wanted(frozenset({"shop/0/1"})))
    with pytest.raises(Misconfigured, match="reasons are malformed_event"):
        Wanted(reason="no_permision")


def test_what_a_person_chose_becomes_one_choice() -> None:
    nothing = dict.fromkeys(("ids", "source", "table", "reason", "since", "until"))
    assert wanted(nothing, NOW) == Wanted()
    assert wanted(nothing, NOW).all
    chosen = wanted({**nothing, "ids": ["a/0/1"], "source": "shop", "since": "2h", "until": "1h"}, NOW)
    hour = 3_600_000
    assert chosen == Wanted(frozenset({"a/0/1"}), "shop", since_ms=NOW_MS - 2 * hour, until_ms=NOW_MS - hour)
    assert not chosen.all


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("90s", NOW_MS - 90_000),
        ("7d", NOW_MS - 7 * 86_400_000),
        ("2026-11-23T12:00:00Z", NOW_MS),
        ("2026-11-23T13:00:00+01:00", NOW_MS),
        ("2026-11-23T12:00:00", NOW_MS),
        ("2026-11-23", NOW_MS - 43_200_000),
    ],
)
def test_a_time_is_a_duration_ago_or_an_iso_time(text: str, ms: int) -> None:
    assert moment_ms(text, NOW) == ms


def test_what_is_no_time_is_refused_with_an_example() -> None:
    with pytest.raises(Misconfigured, match="2026-11-23T09:30:00Z"):
        moment_ms("yesterday", NOW)


def test_a_letter_of_a_redriven_event_remembers_where_the_event_stood_first() -> None:
    assert entry_of(letter(30, headers=((FIRST_OFFSET, b"3"),)), 0).first == 3
    assert entry_of(letter(30, headers=((FIRST_OFFSET, b"\xb2"),)), 0).first == 30


def test_a_letter_is_shown_whole_with_its_bytes_made_safe() -> None:
    text = letter_text(letter(9, message="bad\x1b[2J", key=b"\xff\x00k", value='{"a": "\u202eü😀"}'.encode()))
    assert text.splitlines() == [
        f"id       {TOPIC}/2/9",
        f"origin   topic {TOPIC}, partition 2, offset 9",
        "when     2026-11-23T12:00:00Z",
        "source   shop",
        "table    public.orders",
        "reason   no_permission",
        "message  bad\\x1b[2J",
        "header   a: 1",
        "",
        "key",
        "\\xff\\x00k",
        "",
        "value (18 bytes)",
        "{",
        '  "a": "\\u202eü😀"',
        "}",
    ]


def test_a_missing_value_and_one_too_large_to_keep_are_told_apart() -> None:
    assert letter_text(letter(1, value=None)).endswith("\nvalue\n(none)\n")
    assert "too large to keep" in letter_text(letter(1, value=None, left_out=True))
    assert entry_of(letter(1, value=None, left_out=True), 0).size is None


def test_a_long_value_is_cut_and_its_size_said() -> None:
    shown = pretty(b'{"text": "' + b"x" * 9_000_000 + b'"}')
    assert shown.endswith("cut here: 9,000,012 bytes in all")
    assert len(shown) < MOST_SHOWN + 100
    assert pretty(b"[" * 100_000).startswith("[[[")


def test_json_holds_what_programs_need_on_one_line() -> None:
    line = as_json(entry_of(letter(9, message="two\nlines"), 0))
    assert "\n" not in line
    assert json.loads(line) == {
        "id": f"{TOPIC}/2/9",
        "at": "2026-11-23T12:00:00Z",
        "source": "shop",
        "table": "public.orders",
        "key": '{"id": 7}',
        "reason": "no_permission",
        "message": "two lines",
        "bytes": 11,
    }


def test_reasons_are_counted_the_most_frequent_first() -> None:
    entries = [entry_of(one, 0) for one in (letter(1, "malformed_event"), letter(2), letter(3))]
    assert counts_line(entries) == "3 dead letters: 2 no_permission, 1 malformed_event"
    assert counts_line(entries[:1]) == "1 dead letter: 1 malformed_event"
    assert counts_line([]) == "0 dead letters"


def test_the_plan_says_what_comes_along_and_what_must_stay() -> None:
    first = entry_of(letter(1), 0)
    second, third = replace(first, origin=letter(2).origin), replace(first, origin=letter(3).origin)
    text = plan_text(Planned((first, second), (second,), (third,))).plain
    assert "to redrive: 2 dead letters: 2 no_permission" in text
    assert f"same records; order is kept by record:\n      {TOPIC}/2/2" in text
    assert "left: 1 dead letter" in text
    assert text.endswith(f"\n      {TOPIC}/2/3")


def test_a_repaired_value_is_for_one_letter_named_by_its_id(tmp_path: Any) -> None:
    file = tmp_path / "value.json"
    file.write_bytes(b"\x00good")
    assert repairs(Wanted(frozenset({"a/0/1"})), file) == {"a/0/1": b"\x00good"}
    assert repairs(Wanted(), None) == {}
    for choice in (Wanted(), Wanted(source="shop"), Wanted(frozenset({"a/0/1", "a/0/2"}))):
        with pytest.raises(Misconfigured, match="name it by its id"):
            repairs(choice, file)
