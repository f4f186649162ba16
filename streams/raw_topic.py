"""Reads a raw topic backwards: the messages before one, newest first."""

from collections.abc import Iterable, Iterator
from typing import cast

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from connectors.kafka_offsets import NO_GROUP, KafkaOffsets, quiet
from schemas.change import Origin
from schemas.errors import Unavailable
from schemas.topics import LARGEST_ROW
from streams.decode import RawEvent
from streams.partition import partition_of

PAGE = 2000
Headers = Iterable[tuple[str, str | bytes | None]]


class RawTopics:
    """Blocking; one caller at a time. Raises Unavailable when Kafka is away."""

    def __init__(self, bootstrap: str, timeout: float) -> None:
        self._timeout = timeout
        self._offsets = KafkaOffsets(bootstrap, NO_GROUP, timeout)
        self._consumer = Consumer(
            {
                **quiet(bootstrap),
                "group.id": NO_GROUP,
                "enable.auto.commit": False,
                "fetch.message.max.bytes": LARGEST_ROW,
            }
        )

    def before(self, origin: Origin) -> Iterator[RawEvent]:
        """Every message still kept before `origin` in its partition, newest first; read page by page as asked for."""
        yield from self._backwards(origin.topic, origin.partition, origin.offset)

    def of_key(self, topic: str, key: bytes) -> Iterator[RawEvent]:
        """Every message still kept of the partition in which Kafka's default puts a key, newest first."""
        ends = self._offsets.end_offsets([topic])
        partition = partition_of(key.decode(), len(ends))
        yield from self._backwards(topic, partition, ends[topic, partition])

    def _backwards(self, topic: str, partition: int, end: int) -> Iterator[RawEvent]:
        begin = self._offsets.begin_offsets([topic]).get((topic, partition), 0)
        while end > begin:
            start = max(begin, end - PAGE)
            yield from reversed(self._page(topic, partition, start, end))
            end = start

    def _page(self, topic: str, partition: int, start: int, end: int) -> list[RawEvent]:
        try:
            self._consumer.assign([TopicPartition(topic, partition, start)])
            return self._read(end - start, end)
        except KafkaException as error:
            raise Unavailable("Kafka", error.args[0].str()) from None

    def _read(self, count: int, end: int) -> list[RawEvent]:
        found: list[RawEvent] = []
        while True:
            messages = self._consumer.consume(count - len(found), self._timeout)
            if not messages:
                raise Unavailable("Kafka", f"no message within {self._timeout:g} s")
            for message in messages:
                if message.error() is not None:
                    raise Unavailable("Kafka", str(message.error()))
                if (message.offset() or 0) < end:
                    found.append(_raw(message))
                if (message.offset() or 0) >= end - 1:
                    return found


def _raw(message: Message) -> RawEvent:
    origin = Origin(topic=message.topic() or "", partition=message.partition() or 0, offset=message.offset() or 0)
    headers = tuple((name, _bytes(value) or b"") for name, value in cast(Headers, message.headers() or ()))
    return RawEvent(origin, _bytes(message.key()), _bytes(message.value()), headers)


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
