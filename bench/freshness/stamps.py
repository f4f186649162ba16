"""Reads back what the topics say of each change, when all is over: reading costs nothing while it is measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson
from confluent_kafka import Consumer, Message, TopicPartition

from bench.freshness.found import Found
from bench.freshness.hops import Stamps
from schemas.change import Change, Origin
from schemas.topics import CHANGES

PATIENCE_S = 10.0
Ends = Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Raw:
    """Of a Debezium message: commit, decoded, sent, in milliseconds since 1970."""

    commit: float
    debezium: float
    raw: float


class Topics:
    """The end of topics at one moment, and what came to them after it."""

    def __init__(self, kafka: str, names: list[str]) -> None:
        self._consumer = Consumer({"bootstrap.servers": kafka, "group.id": "bench", "enable.auto.commit": False})
        self._names = names
        self._begins = self._ends()

    def since(self) -> Iterator[Message]:
        """All messages that came after this was made. Raises AssertionError if Kafka does not give them in time."""
        ends = {place: end for place, end in self._ends().items() if end > self._begins[place]}
        self._consumer.assign([TopicPartition(*place, self._begins[place]) for place in ends])
        while ends:
            messages = self._consumer.consume(1000, PATIENCE_S)
            assert messages, f"no message within {PATIENCE_S:g} s although there are more"
            for message in messages:
                place = message.topic() or "", message.partition() or 0
                yield message
                if (message.offset() or 0) + 1 >= ends.get(place, 0):
                    ends.pop(place, None)
        self._consumer.unassign()

    def close(self) -> None:
        self._consumer.close()

    def _ends(self) -> Ends:
        found = {}
        for name in self._names:
            for number in self._consumer.list_topics(name, 10.0).topics[name].partitions:
                found[name, number] = self._consumer.get_watermark_offsets(TopicPartition(name, number), 10.0)[1]
        return found


def collect(topics: Topics, found: Found) -> tuple[list[Stamps], int]:
    """The stamps of every change that was found; and how many changes came through in all.

    A change that a newer one of its record overtook within a batch was never shown; it is left out, but counted.
    """
    raws: dict[tuple[str, int, int], Raw] = {}
    changes: list[tuple[Change, int]] = []
    for message in topics.since():
        if message.value() is None:
            continue
        if message.topic() == CHANGES:
            changes.append((Change.model_validate_json(message.value() or b""), message.timestamp()[1]))
        else:
            raws[message.topic() or "", message.partition() or 0, message.offset() or 0] = _raw(message)
    made = [_stamps(raws[_place(change.origin)], sent, change, found) for change, sent in changes]
    return [one for one in made if one is not None], len(changes)


def _place(origin: Origin) -> tuple[str, int, int]:
    return origin.topic, origin.partition, origin.offset


def _raw(message: Message) -> Raw:
    value = orjson.loads(message.value() or b"{}")
    return Raw(value["source"]["ts_us"] / 1000, value["ts_us"] / 1000, float(message.timestamp()[1]))


def _stamps(raw: Raw, changes_ms: int, change: Change, found: Found) -> Stamps | None:
    name = change.record_id, str(change.position)
    told = found.told.get(name)
    if told is None or told.update.begun_ms is None or told.update.embedded_ms is None:
        return None
    return Stamps(
        raw.commit,
        raw.debezium,
        raw.raw,
        float(changes_ms),
        float(told.update.begun_ms),
        float(told.update.embedded_ms),
        told.sent_ms,
        told.here_ms,
        found.at_ms[name],
    )
