"""What Freshline asks of Kafka itself: to make and change topics, and the messages of small ones."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs do not re-export
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from connectors.kafka_offsets import NO_GROUP, KafkaOffsets, quiet
from schemas.errors import Misconfigured, Unavailable

T = TypeVar("T")

NEAR = 100
"""Messages that are read over rather than jumped over."""
READ_AHEAD_KB = 32 * 1024
"""What a reader may hold in memory ahead of us; a single larger message still comes."""

_BROKEN_CONFIG = frozenset(
    {
        KafkaError.INVALID_CONFIG,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.POLICY_VIOLATION,
    }
)


@dataclass(frozen=True)
class TopicSpec:
    """A topic as it should be. `config` holds options as text; what it leaves out is the broker's default."""

    name: str
    partitions: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


class KafkaAdmin:
    """Thread-safe. Every call ends within `timeout` seconds: with an answer, or with Unavailable("Kafka")."""

    def __init__(self, bootstrap: str, timeout: float = 10.0) -> None:
        self._bootstrap = bootstrap
        self._timeout = timeout
        self._client = AdminClient(quiet(bootstrap))
        self._offsets = KafkaOffsets(bootstrap, NO_GROUP, timeout)

    def ping(self) -> None:
        """Return if Kafka answers."""
        self.topics()

    def topics(self) -> dict[str, int]:
        """Topic -> number of partitions, Kafka's own topics included."""
        return self._offsets.topics()

    def create_topics(self, specs: Sequence[TopicSpec]) -> list[str]:
        """Create those that do not exist; returns their names. Others stay as they are: see `configure`.

        Raises Misconfigured for a topic that Kafka does not accept.
        """
        if not specs:
            return []
        new = [NewTopic(s.name, s.partitions, replication_factor=-1, config=dict(s.config)) for s in specs]
        made = _asked(lambda: self._client.create_topics(new, request_timeout=self._timeout))
        return [name for name, future in made.items() if self._newly(future)]

    def delete_topics(self, names: Sequence[str]) -> None:
        """Delete those that exist, with all they hold."""
        there = sorted(self.topics().keys() & {*names})  # a name that stands twice crashes the client
        if there:
            self._wait(_asked(lambda: self._client.delete_topics(there, request_timeout=self._timeout)))

    def configs(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """Topic -> its options as they are in force, the broker's defaults included."""
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        if not resources:
            return {}
        asked = _asked(lambda: self._client.describe_configs(resources, request_timeout=self._timeout))
        found = self._wait(asked)
        return {r.name: {name: str(e.value) for name, e in entries.items()} for r, entries in found.items()}

    def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Set these options of a topic; its others stay. Raises Misconfigured where Kafka refuses one."""
        entries = [
            ConfigEntry(option, value, incremental_operation=AlterConfigOpType.SET) for option, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        asked = _asked(lambda: self._client.incremental_alter_configs([resource], request_timeout=self._timeout))
        self._wait(asked)

    def members(self, group: str) -> int:
        """How many members a consumer group has; one that does not exist has none."""
        asked = _asked(lambda: self._client.describe_consumer_groups([group], request_timeout=self._timeout))
        return len(self._result(asked[group]).members)

    def read(self, topic: str, newest: int | None = None) -> Iterator[Message]:
        """The messages of a topic up to its end as it is now; with `newest`, about that many a partition.

        The timeout bounds each wait for a next message: a long topic is read whole, a silent broker is not
        waited for. Reads outside any consumer group. A topic that does not exist is empty.
        """
        begin, end = self._offsets.begin_offsets([topic]), self._offsets.end_offsets([topic])
        starts = {at: max(begin[at], end[at] - newest if newest is not None else 0) for at in end}
        left = {at[1]: end[at] for at in end if starts[at] < end[at]}
        yield from self._read(topic, {at[1]: offset for at, offset in starts.items()}, left)

    def read_partition(self, topic: str, partition: int, start: int, end: int) -> Iterator[Message]:
        """The messages of one partition from offset `start` to before `end`, as far as they still exist."""
        yield from self._read(topic, {partition: start}, {partition: end} if start < end else {})

    def pick(self, topic: str, offsets: Iterable[int]) -> Iterator[Message | None]:
        """The messages of partition 0 at these offsets, in the order given; None for one that is gone.

        Quick where offsets rise in small steps, right in any order. One message is in our memory at a time.
        """
        consumer, following = self._consumer(), None
        try:
            for wanted in offsets:
                if following is None or not following <= wanted < following + NEAR:
                    consumer.assign([TopicPartition(topic, 0, wanted)])
                found = next((m for m in self._from(consumer) if m is None or (m.offset() or 0) >= wanted), None)
                following = None if found is None else (found.offset() or 0) + 1
                yield found if found is not None and found.offset() == wanted else None
        finally:
            consumer.close()

    def _read(self, topic: str, starts: Mapping[int, int], left: dict[int, int]) -> Iterator[Message]:
        if not left:
            return
        consumer = self._consumer()
        try:
            consumer.assign([TopicPartition(topic, number, starts[number]) for number in left])
            yield from self._until(consumer, left)
        finally:
            consumer.close()

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                **quiet(self._bootstrap),
                "group.id": NO_GROUP,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "queued.max.messages.kbytes": READ_AHEAD_KB,
            }
        )

    def _from(self, consumer: Consumer) -> Iterator[Message | None]:
        """What comes next, and so on; None where the partition ends."""
        while True:
            message = _asked(lambda: consumer.poll(self._timeout))
            if message is None:
                raise Unavailable("Kafka", f"no message within {self._timeout:g} s")
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise Unavailable("Kafka", error.str())
            yield message if error is None else None

    def _until(self, consumer: Consumer, left: dict[int, int]) -> Iterator[Message]:
        while left:
            message = _asked(lambda: consumer.poll(self._timeout))
            if message is None:
                raise Unavailable("Kafka", f"no message within {self._timeout:g} s")
            number, offset, error = message.partition(), message.offset(), message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise Unavailable("Kafka", error.str())
            if number is None or offset is None or number not in left:
                continue
            if error is None and offset < left[number]:
                yield message
            if error is not None or offset + 1 >= left[number]:
                del left[number]

    def _newly(self, future: Future[Any]) -> bool:
        try:
            self._result(future)
        except _Exists:
            return False
        return True

    def _wait(self, futures: Mapping[Any, Future[Any]]) -> dict[Any, Any]:
        return {name: self._result(future) for name, future in futures.items()}

    def _result(self, future: Future[Any]) -> Any:
        return _asked(lambda: future.result(self._timeout))


class _Exists(Exception):
    """The topic is there already."""


def _asked(call: Callable[[], T]) -> T:
    """Run one call of the client; its errors become ours."""
    try:
        return call()
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            raise _Exists from None
        if reason.code() in _BROKEN_CONFIG:
            raise Misconfigured(f"Kafka refuses: {reason.str()}") from None
        raise Unavailable("Kafka", reason.str()) from None
    except TimeoutError:
        raise Unavailable("Kafka", "no answer in time") from None
