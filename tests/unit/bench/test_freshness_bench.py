"""Hops from stamps: they add up, none is negative, a change that was overtaken is counted and left out."""

from random import Random
from typing import Any

import orjson
import pytest

from bench.common.result import Bar, Result
from bench.freshness.cores import Look
from bench.freshness.found import Found, Told, look
from bench.freshness.hops import HOPS, Stamps, hops, largest, summary
from bench.freshness.limit import ONE, SOME
from bench.freshness.load import Load
from bench.freshness.run import section
from bench.freshness.stamps import collect
from schemas.change import Change, Origin
from schemas.label import LabelId
from schemas.position import Position
from schemas.topics import CHANGES
from schemas.update import Update

STAMPS = Stamps(
    commit=1000.5,
    debezium=1004,
    raw=1010,
    changes=1013,
    begun=1015,
    embedded=1035,
    acknowledged=1041,
    told=1043,
    found=1060.5,
)
TOPIC = "bench.public.articles"


def change(position: str, offset: int, record: str = "r") -> Change:
    return Change(
        op="upsert",
        record_id=record,
        source="bench",
        table="public.articles",
        key={"id": 1},
        position=Position(position),
        commit_ms=1000,
        event_ms=1000,
        origin=Origin(topic=TOPIC, partition=0, offset=offset),
    )


def update(position: str, record: str = "r") -> Update:
    return Update(
        record_id=record,
        source="bench",
        table="public.articles",
        position=Position(position),
        commit_ms=1000,
        event_ms=1000,
        label=LabelId(1),
        kind="changed",
        begun_ms=1015,
        embedded_ms=1035,
    )


class Message:
    """As confluent-kafka gives it."""

    def __init__(self, topic: str, offset: int, value: bytes | None, at_ms: int = 0) -> None:
        self._topic, self._offset, self._value, self._at_ms = topic, offset, value, at_ms

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes | None:
        return self._value

    def timestamp(self) -> tuple[int, int]:
        return 1, self._at_ms


def debezium(offset: int) -> Message:
    value = {"source": {"ts_us": 1_000_500}, "ts_us": 1_004_000}
    return Message(TOPIC, offset, orjson.dumps(value), 1010)


def in_changes(offset: int, one: Change) -> Message:
    return Message(CHANGES, offset, one.model_dump_json().encode(), 1013)


class Topics:
    def __init__(self, *messages: Message) -> None:
        self._messages = messages

    def since(self) -> Any:
        return iter(self._messages)


def test_hops_add_up_to_the_whole() -> None:
    taken = hops(STAMPS)
    assert (list(taken), sum(taken.values())) == (list(HOPS), STAMPS.total)


def test_a_hop_between_clocks_that_differ_is_never_negative() -> None:
    assert hops(Stamps(1000, 1000.9, 1000, 1001, 1001, 1001, 1001, 1001, 1002))["raw"] == 0.0


def test_the_largest_hop_is_named_by_its_mean() -> None:
    made = summary([STAMPS, STAMPS])
    assert (largest(made["hops"]), made["total"]["p50"], made["changes"]) == ("embedded", 60.0, 2)


def test_stamps_are_joined_by_version_and_by_place() -> None:
    found = Found({("r", "5"): Told(update("5"), 1041, 1043)}, {("r", "5"): 1060.5})
    topics = Topics(debezium(7), Message(TOPIC, 8, None), in_changes(0, change("5", 7)))
    assert collect(topics, found) == ([STAMPS], 1)  # type: ignore[arg-type]


def test_a_change_that_a_newer_one_overtook_is_counted_but_has_no_stamps() -> None:
    found = Found({("r", "6"): Told(update("6"), 1041, 1043)}, {("r", "6"): 1060.5})
    topics = Topics(debezium(7), debezium(8), in_changes(0, change("5", 7)), in_changes(1, change("6", 8)))
    assert collect(topics, found) == ([STAMPS], 2)  # type: ignore[arg-type]


class Index:
    """Shows a version one search after the other."""

    def __init__(self, *positions: str) -> None:
        self._positions = list(positions)
        self.asked: list[list[str]] = []

    def positions(self, record_ids: Any) -> dict[str, str]:
        self.asked.append(sorted(record_ids))
        shown = self._positions.pop(0)
        return dict.fromkeys(record_ids, shown) if shown else {}


def told(position: str) -> Any:
    return Message("freshline.updates", 0, update(position).model_dump_json().encode(), 1041)


def test_a_version_is_looked_for_until_a_search_shows_it_or_a_later_one() -> None:
    found, index = Found(), Index("", "4", "6")
    look(found, [told("5")], index)
    assert (len(index.asked), list(found.at_ms), found.told["r", "5"].sent_ms) == (3, [("r", "5")], 1041)


def test_a_version_that_was_found_is_not_looked_for_again() -> None:
    found, index = Found(), Index("5")
    look(found, [told("5")], index)
    look(found, [told("5")], index)
    assert len(index.asked) == 1


class Database:
    def __init__(self) -> None:
        self.changed: list[int] = []

    def execute(self, _: bytes, values: list[Any]) -> None:
        self.changed.append(values[-1] if len(values) == 2 else values[0])


def test_no_row_changes_again_before_all_the_others_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.freshness.load.NEW_SHARE", 0.0)
    monkeypatch.setattr("time.sleep", lambda _: None)
    database = Database()
    load = Load(database, Random(1), rows=10)  # type: ignore[arg-type]
    assert load.run(rate=20, seconds=1) == 20
    assert sorted(database.changed[:10]) == sorted(database.changed[10:]) == list(range(1, 11))


def test_the_section_shows_each_rate_each_hop_and_each_rival() -> None:
    rates = {rate: {**summary([STAMPS]), "cores": {"worker": 0.5}} for rate in ("1", "20")}
    others = {"plain": {"total": rates["1"]["total"]}, "quix": {"did not run": "no packages"}}
    alone = {ONE: 140.4, SOME: 230.6}
    measured = {"rates": rates, "rivals": others, "model alone, texts a second": alone}
    shown = section(Result("what", {}, {"p50 / 150 ms": 0.4}, measured, {"p50 / 150 ms": Bar.at_most(1.0)}))
    told = "140 of these texts a second one at a time, 231 20 at a time, on both cores."
    wanted = (
        *HOPS.values(),
        told,
        "1 a second",
        "20 a second",
        "worker",
        "plain confluent-kafka loop",
        "did not run",
    )
    assert [words for words in wanted if words not in shown.markdown] == []
    assert [plot.name for plot in shown.plots] == ["freshness"]


def test_cores_are_processor_seconds_between_two_looks_of_the_parts_that_both_saw() -> None:
    earlier, later = Look({"worker": 1.0, "api": 5.0}, at=100.0), Look({"worker": 4.0, "kafka": 9.0}, at=110.0)
    assert later.since(earlier) == {"worker": 0.3}
