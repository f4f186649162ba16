"""Reads freshline.changes by itself: from chosen offsets, outside any consumer group, while others read it too."""

from collections.abc import Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.kafka_offsets import KafkaOffsets, quiet
from schemas.change import Origin
from schemas.errors import Unavailable
from schemas.topics import CHANGES, LARGEST_MESSAGE
from streams.decode import RawEvent

POLL_S = 0.2
Places = dict[int, int]
"""Partition -> offset."""


class ChangeLog:
    """Blocking; one caller at a time. Raises Unavailable when Kafka is away. `committed` is of `group`."""

    def __init__(self, bootstrap: str, group: str, timeout: float = 10.0) -> None:
        self._offsets = KafkaOffsets(bootstrap, group, timeout)
        self._consumer = Consumer(
            {
                **quiet(bootstrap),
                "group.id": group,  # the client wants one; it never joins
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.message.max.bytes": LARGEST_MESSAGE,
            }
        )
        self._astray = False
        self.places: Places = {}
        """The offset after the last message read, of each partition."""

    def begin_at(self, places: Mapping[int, int]) -> None:
        """Read from here on; a partition that is not named from its beginning."""
        begins = _of_changes(self._offsets.begin_offsets([CHANGES]))
        self.places = {partition: max(begin, places.get(partition, 0)) for partition, begin in begins.items()}
        self._consumer.assign(
            [TopicPartition(CHANGES, p, at if p in places else OFFSET_BEGINNING) for p, at in self.places.items()]
        )
        self._astray = False

    def ends(self) -> Places:
        """The offset the next message will get, of each partition."""
        return _of_changes(self._offsets.end_offsets([CHANGES]))

    def committed(self) -> Places:
        """What the group has committed."""
        return _of_changes(self._offsets.committed([CHANGES]))

    def left(self, ends: Mapping[int, int]) -> int:
        """How many offsets lie between what was read and `ends`. Compaction leaves gaps: not all are messages."""
        return sum(max(0, end - self.places.get(partition, 0)) for partition, end in ends.items())

    def read(self, limit: int) -> list[RawEvent]:
        """Up to `limit` messages; fewer, or none, if no more come at once. Each partition's in their order.

        After Unavailable reading goes on where it was.
        """
        if self._astray:
            self.begin_at(self.places)
        before = dict(self.places)
        try:
            return [event for event in map(self._taken, self._consumer.consume(limit, POLL_S)) if event is not None]
        except (KafkaException, Unavailable) as error:
            self.places, self._astray = before, True
            raise Unavailable("Kafka", str(error)) from None

    def close(self) -> None:
        self._consumer.close()

    def _taken(self, message: Message) -> RawEvent | None:
        partition, offset, error = message.partition() or 0, message.offset() or 0, message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise Unavailable("Kafka", error.str())
        if error is not None:
            self.places[partition] = max(self.places[partition], offset)
            return None
        self.places[partition] = offset + 1
        return RawEvent(
            Origin(topic=CHANGES, partition=partition, offset=offset), _bytes(message.key()), _bytes(message.value())
        )


def _of_changes(offsets: Mapping[tuple[str, int], int]) -> Places:
    return {partition: offset for (_, partition), offset in offsets.items()}


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
