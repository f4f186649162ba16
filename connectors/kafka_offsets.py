"""Where topics begin and end, and where a consumer group is in them.

All by a consumer that never joins the group: its calls are synchronous and survive a broker's absence. librdkafka's
admin client asks the same, but once a broker was away it never finds the group coordinator again, or ends the whole
process by an assertion (seen with confluent-kafka 2.16.1).
"""

from collections.abc import Iterable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from schemas.errors import Unavailable

Offsets = dict[tuple[str, int], int]
"""(topic, partition) -> offset."""
NO_GROUP = "-"
"""Where a consumer must be given a group although none is meant."""


class KafkaOffsets:
    """Thread-safe. Every call ends within about `timeout` seconds: with an answer, or with Unavailable("Kafka")."""

    def __init__(self, bootstrap: str, group: str, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._consumer = Consumer({**quiet(bootstrap), "group.id": group, "enable.auto.commit": False})

    def topics(self) -> dict[str, int]:
        """Topic -> number of partitions, Kafka's own topics included."""
        try:
            found = self._consumer.list_topics(timeout=self._timeout)
        except KafkaException as error:
            raise _unavailable(error) from None
        return {name: len(topic.partitions) for name, topic in found.topics.items()}

    def begin_offsets(self, topics: Iterable[str]) -> Offsets:
        """The first offset still kept, of each partition. Topics that do not exist are left out."""
        return self._offsets(topics, OFFSET_BEGINNING)

    def end_offsets(self, topics: Iterable[str]) -> Offsets:
        """The offset the next message will get, of each partition. Topics that do not exist are left out."""
        return self._offsets(topics, OFFSET_END)

    def committed(self, topics: Iterable[str]) -> Offsets:
        """The next offset the group will read, of each partition where it committed one."""
        asked = self._partitions(topics)
        try:
            found = self._consumer.committed(asked, timeout=self._timeout)
        except KafkaException as error:
            raise _unavailable(error) from None
        return {at: offset for at, offset in _read(found).items() if offset >= 0}

    def _offsets(self, topics: Iterable[str], which: int) -> Offsets:
        asked = self._partitions(topics, which)
        if not asked:
            return {}
        try:
            found = self._consumer.offsets_for_times(asked, timeout=self._timeout)
        except KafkaException as error:
            raise _unavailable(error) from None
        return _read(found)

    def _partitions(self, topics: Iterable[str], offset: int = 0) -> list[TopicPartition]:
        there = self.topics()
        return [
            TopicPartition(name, number, offset) for name in sorted(set(topics)) for number in range(there.get(name, 0))
        ]


def quiet(bootstrap: str) -> dict[str, Any]:
    """Client options. librdkafka says nothing by itself: what matters comes back as an error of the call."""
    return {"bootstrap.servers": bootstrap, "log_level": 0}


def _read(found: Iterable[TopicPartition]) -> Offsets:
    offsets: Offsets = {}
    for place in found:
        if place.error is not None:
            raise Unavailable("Kafka", f"{place.topic} [{place.partition}]: {place.error.str()}")
        offsets[place.topic, place.partition] = place.offset
    return offsets


def _unavailable(error: KafkaException) -> Unavailable:
    return Unavailable("Kafka", error.args[0].str())
