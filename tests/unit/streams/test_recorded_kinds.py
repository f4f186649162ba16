"""Every kind of change, as Debezium really writes it: what each recorded message is and what becomes of it.

The messages come from `freshline record`; the outcomes are written by hand, a list for each table in its own order.
"""

import pytest
from recorded_kinds import Topics, aggregate, files, messages, results, searchable, words

from schemas.change import Change
from schemas.contract import TableContract
from schemas.position import START
from schemas.topics import raw_topic
from streams.decode import decode
from streams.past import streamed_before

NOTE = searchable(["id"], "{note}")
BODY = searchable(["id"], "{body}")
LONG = ("body " * 500).strip()
TICKETS = searchable(["id"], "{subject}: {body}")
SHORT = searchable(["id"], "{short} {body}")
REGIONAL = searchable(["id", "region"], "{note}")
TOMBSTONE = "ignored"
MEMBERSHIP = {"tenant": "{tenant}", "object": "team:{team}", "relation": "member", "subject": "user:{aggregateid}"}

Outcomes = dict[str, tuple[TableContract, list[str]]]


def lifetime(name: str) -> list[str]:
    return [f"{name} = one", f"{name} = two", f"{name} deleted", TOMBSTONE]


KEYS: Outcomes = {
    "keys.composite": (searchable(["a", "b"], "{note}"), lifetime("7,x%2Cy%2Fz")),
    "keys.uuids": (NOTE, lifetime("8f14e45f-ceea-467f-ab1e-5f0a8c3d9b11")),
    "keys.numerics": (NOTE, lifetime("12345678901234567890.0123456789")),
    "keys.bigs": (NOTE, ["9223372036854775807 = one", "-9007199254740993 = one"]),
    "keys.texts": (NOTE, ["%7B%22a%22%3A%201%7D = one", "100%25%2F%C3%BC%2C%F0%9F%90%8E = one", " = one"]),
    "keys.jsons": (NOTE, lifetime("%7B%22a%22%3A%20null%2C%20%22b%22%3A%20%5B1%2C%202%5D%7D")),
    "keys.enums": (NOTE, ["green = one"]),
    "keys.moments": (NOTE, ["2026-11-23T05%3A00%3A00.123456Z = one"]),
    "keys.booleans": (NOTE, ["False = one"]),
    "keys.Odd Table": (searchable(["Odd Key", "ключ"], "{Note}"), lifetime("1,%C3%BC%22%27")),
}
KEY_CHANGE: Outcomes = {
    "key_change.tickets": (
        TICKETS,
        ["1 = Printer: It is on fire.", "1 deleted", TOMBSTONE, "2 = Printer: It is on fire."],
    ),
    "key_change.pairs": (searchable(["a", "b"], "{note}"), ["1,1 = one", "1,1 deleted", TOMBSTONE, "1,2 = two"]),
    "key_change.notes": (
        SHORT,
        [
            f"%22%C3%BC%F0%9F%90%8E = one {LONG}",
            "%22%C3%BC%F0%9F%90%8E deleted",
            TOMBSTONE,
            f"%F0%9F%90%8E2 = two {LONG}",
            f"%F0%9F%90%8E2 = three {LONG}",
        ],
    ),
}
TOAST: Outcomes = {
    "toast.notes": (SHORT, [f"1 = one {LONG}", f"1 = two {LONG}", "1 = two short now"]),
    "toast.full_notes": (SHORT, [f"1 = one {LONG}", f"1 = two {LONG}"]),
}
ARRAYS: Outcomes = {
    "toast_arrays.arrays": (
        searchable(["id"], "{short} {ints} {bigs} {uuids}"),
        [
            f"1 = {short} {[7] * 600} {[7] * 300} {['8f14e45f-ceea-467f-ab1e-5f0a8c3d9b11'] * 150}".replace("'", '"')
            for short in ("one", "two")
        ],
    )
}
OTHERS: Outcomes = {
    "toast_others.others": (
        searchable(["id"], "{short} {a_citext}{an_essay}{an_xml}{chars}"),
        [
            f"1 = {short} {'citext ' * 500}{'essay ' * 500}<a>{'xml ' * 600}</a>{['abc'] * 400}".replace("'", '"')
            for short in ("one", "two")
        ],
    )
}
TIMES = [*["rejected: malformed_event"] * 4, "5 = 5", "6 = 6"]
"""Infinity and years before 1 or after 9999 are no event times."""
ROWS: Outcomes = {"types.rows": (searchable(["id"], "{a_text}"), ["1 = Grüße \U0001f40e", "2 = "])}
NUMBERS = searchable(["id"], "{a_numeric} {a_real} {a_double}")

KINDS: dict[str, Outcomes] = {
    "operations.plain": {
        "operations.tickets": (
            TICKETS,
            [
                "1 = Printer: It is on fire.",
                "2 = ",
                "3 = Mouse: It squeaks.",
                "3 = Mouse: It still squeaks.",
                "3 = ",
                "3 deleted",
                TOMBSTONE,
                "3 = Mouse: It is back.",
            ],
        )
    },
    "identity_full.plain": {
        "identity_full.tickets": (BODY, ["1 = It is on fire.", "1 = It is out.", "1 deleted", TOMBSTONE])
    },
    "keys.plain": KEYS,
    "key_change.plain": KEY_CHANGE,
    "key_change.schemas": KEY_CHANGE,
    "no_key.plain": {"no_key.logs": (searchable(["line"], "{line}"), ["rejected: malformed_event"])},
    "truncate.plain": {
        "truncate.parents": (NOTE, ["1 = one", "emptied", "2 = before", "emptied", "3 = after"]),
        "truncate.children": (NOTE, ["1 = one", "2 = two", "emptied", "3 = three", "emptied", "emptied"]),
    },
    "heartbeats.beats": {"heartbeats.tickets": (NOTE, ["1 = between beats"])},
    "logical_messages.beats": {},
    "transactions.reselect": {
        "transactions.orders": (NOTE, ["1 = one", "1 = two", "2 = kept"]),
        "transactions.items": (NOTE, ["1 = one", "2 = two"]),
    },
    "evolution.plain": {
        "evolution.tickets": (
            BODY,
            [f"1 = v{n}" for n in range(1, 6)] + ["rejected: missing_column"] + ["1 = v7", "1 = v8", "1 = v9"],
        )
    },
    "toast.plain": TOAST,
    "toast.reselect": TOAST,
    "toast.maps": TOAST,
    "toast_arrays.plain": ARRAYS,
    "toast_arrays.reselect": ARRAYS,
    "toast_others.plain": OTHERS,
    "toast_others.reselect": OTHERS,
    "times.plain": {"times.rows": (searchable(["id"], "{id}", event_time="a_timestamptz"), TIMES)},
    "times.adaptive": {"times.rows": (searchable(["id"], "{id}", event_time="a_timestamptz"), TIMES)},
    **{f"types.{connector}": ROWS for connector in ("plain", "adaptive", "connect", "maps", "schemas")},
    "odd_text.plain": {
        "odd_text.texts": (
            BODY,
            [
                "1 = emoji \U0001f40e\U0001f469\u200d\U0001f692 and cafe\u0301",
                "2 = bidi \u202eevil\u202c \u2066isolate\u2069 \u05e9\u05dc\u05d5\u05dd",
                "3 = controls \x01\x07\x1b[31m\x7f\x85\u2028\ufeff",
                "4 = \\u0000 \\x00 %00 and \u2400",
                '5 = line\r\none\ttab "quotes" \\ back',
                "6 = ",
                "7 = ",
                "8 = null",
                "rejected: placeholder_value",
                "10 = said: __debezium_unavailable_value!",
            ],
        )
    },
    "not_numbers.plain": {
        "not_numbers.rows": (
            NUMBERS,
            ["1 = NAN NaN NaN", "2 = POSITIVE_INFINITY Infinity -Infinity", "3 = 0.00000000000000000001 1e-20 0.0"],
        )
    },
    "not_numbers.connect": {
        "not_numbers.rows": (NUMBERS, ["1 = NaN NaN NaN", "2 = Infinity Infinity -Infinity", "3 = 1e-20 1e-20 0.0"])
    },
    "schemas_enabled.schemas": {
        "schemas_enabled.tickets": (BODY, ["1 = first", "1 = second", "1 deleted", TOMBSTONE, "2 = last", "emptied"])
    },
    "blocking_snapshot.plain": {
        "blocking_snapshot.rows": (
            NOTE,
            [f"{n} = first" for n in (1, 2, 3)] + [f"{n} = first" for n in (1, 2, 3)] + ["2 = meanwhile"],
        )
    },
    "partitioned.roots": {
        "partitioned.events": (
            REGIONAL,
            [
                "1,north = one",
                "2,south = one",
                "1,north = two",
                "1,north deleted",
                TOMBSTONE,
                "1,south = two",
                "2,south deleted",
                TOMBSTONE,
            ],
        ),
        "partitioned.events_north": (REGIONAL, ["1,north = one"]),
    },
    "partitioned.plain": {
        "partitioned.events": (REGIONAL, ["1,north = one"]),
        "partitioned.events_north": (REGIONAL, ["1,north = one", "1,north = two", "1,north deleted", TOMBSTONE]),
        "partitioned.events_south": (
            REGIONAL,
            ["2,south = one", "1,south = two", "2,south deleted", TOMBSTONE, "emptied"],
        ),
    },
    "outbox.outbox": {
        "outbox.tickets": (NOTE, ["1 = one"]),
        "outbox.events.ticket": (
            aggregate(upserts=["TicketOpened", "TicketChanged"], deletes=["TicketDeleted"], ignored=["TicketViewed"]),
            [
                "ignored",  # read by a snapshot
                "1 = one",
                "2 = two",
                "1 = ONE",  # deleted from the outbox at once
                "ignored",
                "rejected: unsupported_operation",
                "rejected: unsupported_operation",
                "rejected: malformed_event",
                "rejected: malformed_event",
                "1 deleted",
                "2 deleted",
                "3 = three",
            ],
        ),
        "outbox.events.member": (aggregate(upserts=["MemberJoined"], relation=MEMBERSHIP), ["ignored"]),
    },
}

CONTROL = {"logical_messages.beats", "heartbeats.beats", "transactions.reselect"}
BACKGROUND = ("incremental_snapshot.plain", "signals.plain")
"""Where the connector works beside the writer: what comes when is not told."""
OUTBOX = "recorder_outbox.outbox.events."
"""What Debezium's outbox router writes has no envelope: see test_outbox.py."""


def test_every_recorded_file_has_its_outcomes() -> None:
    assert set(files()) == {*KINDS, *BACKGROUND}


@pytest.mark.parametrize("file", KINDS)
def test_what_becomes_of_every_message(file: str) -> None:
    outcomes = {raw_topic("", table).strip("."): told for table, (_, told) in KINDS[file].items()}
    became: dict[str, list[str]] = {table: [] for table in outcomes}
    for event, taken in results(file, {table: contract for table, (contract, _) in KINDS[file].items()}):
        table = event.origin.topic.partition(".")[2]
        if table in outcomes:
            became[table].append(words(taken))
        else:  # heartbeats, logical messages, transaction boundaries
            assert file in CONTROL
            assert words(taken) == "ignored"
    assert became == outcomes


@pytest.mark.parametrize("file", sorted({*KINDS, *BACKGROUND} - CONTROL))
def test_no_record_goes_back_in_what_was_really_streamed(file: str) -> None:
    topics = Topics(messages(file))
    last: dict[tuple[str, bytes], str] = {}
    for event in messages(file):
        if event.key is None or event.value is None or event.origin.topic.startswith(OUTBOX):
            continue
        found = decode(event, streamed_before(topics.before(event.origin)))
        assert found is not None
        assert found.position > last.get((event.origin.topic, event.key), "")
        last[event.origin.topic, event.key] = found.position


def test_what_was_inserted_before_a_truncate_is_older_than_it_and_what_came_after_is_newer() -> None:
    found = [decode(event, START) for event in messages("truncate.plain") if event.origin.topic.endswith("parents")][1:]
    assert [event.op for event in found if event] == ["truncate", "upsert", "truncate", "upsert"]
    positions = [event.position for event in found if event]
    assert positions == sorted(set(positions))


def test_an_incremental_snapshot_while_writing_ends_with_what_the_table_holds() -> None:
    state: dict[str, Change] = {}
    reads = 0
    for event, taken in results("incremental_snapshot.plain", {"incremental_snapshot.rows": NOTE}):
        assert taken.rejected is None
        reads += b'"op":"r"' in (event.value or b"")
        if taken.change is not None:
            known = state.get(taken.change.record_id)
            assert known is None or taken.change.position > known.position
            state[taken.change.record_id] = taken.change
    texts = {int(name.rpartition("/")[2]): change.text for name, change in state.items() if change.op == "upsert"}
    written = {2: "meanwhile", 5: "meanwhile", 9: "meanwhile", 11: "new"}
    assert texts == {n: written.get(n, "first") for n in range(1, 12) if n != 7}
    assert reads >= 6


def test_signals_to_the_connector_are_rows_of_their_table() -> None:
    contract = searchable(["id"], "{type}")
    told = [words(taken) for _, taken in results("signals.plain", {"signals.signals": contract})]
    assert {text.partition(" = ")[2] for text in told} == {
        *("log", "execute-snapshot", "snapshot-window-open", "snapshot-window-close"),
    }
