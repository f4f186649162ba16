import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from connectors.kafka_admin import KafkaAdmin
from connectors.load import load_file
from connectors.status import NEWEST_PROGRESS, Queues, Snapshot, last_progress, snapshot
from schemas.contract import Contract

ORDERS, MEMBERS, BEATS = "shop.public.orders", "shop.public.members", "shop.message"


@pytest.fixture
def contract(write_source: Callable[..., Path]) -> Contract:
    return load_file(write_source())


def test_backlog_counts_from_the_committed_offset_or_from_what_is_still_kept() -> None:
    queues = Queues(
        begin={(ORDERS, 0): 5, (ORDERS, 1): 0, (MEMBERS, 0): 0},
        end={(ORDERS, 0): 20, (ORDERS, 1): 10, (MEMBERS, 0): 100},
        committed={(ORDERS, 1): 7},
    )
    assert queues.waiting([ORDERS]) == 15 + 3
    assert queues.held([ORDERS]) == 15 + 10
    assert queues.expired([ORDERS]) == 0


def test_messages_that_kafka_dropped_before_they_were_read_are_counted_as_expired() -> None:
    queues = Queues(begin={(ORDERS, 0): 50}, end={(ORDERS, 0): 60}, committed={(ORDERS, 0): 20})
    assert (queues.waiting([ORDERS]), queues.expired([ORDERS])) == (10, 30)


@pytest.mark.parametrize(
    ("rows", "beats", "offsets", "state"),
    [
        (0, 0, [], "waiting"),
        (7, 0, [], "running"),
        (7, 0, [{"snapshot": "INITIAL", "lsn": 1}], "running"),
        (7, 1, [{"snapshot": "INITIAL", "lsn": 1}], "running"),
        (7, 1, [], "done"),
        (0, 1, [], "done"),
        (7, 0, [{"lsn": 1}], "done"),
    ],
)
def test_the_snapshot_is_done_when_the_log_is_read(
    contract: Contract, rows: int, beats: int, offsets: list[dict[str, object]], state: str
) -> None:
    queues = Queues({}, {(ORDERS, 0): rows, (MEMBERS, 0): 0, (BEATS, 0): beats}, {})
    counts = {"public.orders": 10, "public.members": 2, "public.other": 5}
    assert snapshot(contract, queues, offsets, counts) == Snapshot(state, rows, 12)  # type: ignore[arg-type]


def test_without_a_database_the_expected_rows_are_unknown(contract: Contract) -> None:
    assert snapshot(contract, Queues({}, {}, {}), [], None) == Snapshot("waiting", 0, None)


class _Message:
    def __init__(self, value: bytes | None) -> None:
        self._value = value

    def value(self) -> bytes | None:
        return self._value


class _Topic:
    """A progress topic: `read` as KafkaAdmin's."""

    def __init__(self, *values: bytes | None) -> None:
        self.values = values
        self.asked: list[int | None] = []

    def read(self, topic: str, newest: int | None = None) -> Iterator[_Message]:
        self.asked.append(newest)
        return (_Message(value) for value in self.values[-(newest or len(self.values)) :])


def progress(source: str, watermark_ms: int) -> bytes:
    text = {"source": source, "watermark_ms": watermark_ms, "position": "0", "measured_ms": watermark_ms, "grants": {}}
    return json.dumps(text).encode()


def test_the_last_progress_of_each_source_counts() -> None:
    topic = _Topic(progress("shop", 1), progress("wiki", 5), progress("shop", 2), None, b"not progress")
    found = last_progress(cast(KafkaAdmin, topic), {"shop", "wiki"})
    assert {source: last.watermark_ms for source, last in found.items()} == {"shop": 2, "wiki": 5}
    assert topic.asked == [NEWEST_PROGRESS]


def test_a_long_silent_source_is_found_in_the_whole_topic() -> None:
    topic = _Topic(progress("wiki", 5), *[progress("shop", n) for n in range(NEWEST_PROGRESS)])
    found = last_progress(cast(KafkaAdmin, topic), {"shop", "wiki", "never"})
    assert {source: last.watermark_ms for source, last in found.items()} == {"shop": NEWEST_PROGRESS - 1, "wiki": 5}
    assert topic.asked == [NEWEST_PROGRESS, None]
