"""Writing messages to chosen partitions of Kafka, in order, each acknowledged."""

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.kafka_offsets import quiet
from schemas.errors import FreshlineError, Misconfigured, Unavailable
from schemas.topics import LARGEST_ROW

MOST_WAITING_BYTES = 3 * LARGEST_ROW
"""Written, but not acknowledged: more is not held in memory."""
TRIES = 3
"""A message is given up after this many request time-outs."""

_NEVER = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    }
)
"""Kafka will say so again: a person must act."""


class KafkaWriter:
    """Idempotent towards Kafka: a retry makes no second copy, and order within a partition is kept.

    Not thread-safe. After an error the writer is of no use: what was acknowledged stays, the rest may be there.
    """

    def __init__(self, bootstrap: str, timeout: float = 10.0) -> None:
        self._patience = TRIES * timeout
        self._producer = Producer(
            {
                **quiet(bootstrap),
                "enable.idempotence": True,
                "message.max.bytes": LARGEST_ROW,
                "delivery.timeout.ms": int(self._patience * 1000),
                "linger.ms": 5,
            }
        )
        self._waiting_bytes = 0
        self._acknowledged: list[int] = []
        self._failed: FreshlineError | None = None

    def write(
        self,
        place: tuple[str, int],
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Hand over a message for a topic and partition; waits when much is on its way. Raises as `acknowledged`."""
        topic, partition = place
        size = len(key or b"") + len(value or b"")
        if self._waiting_bytes + size > MOST_WAITING_BYTES:
            self._wait()
        self._waiting_bytes += size
        try:
            self._producer.produce(
                topic, value, key, partition, on_delivery=self._delivered, headers=list(headers) or None
            )
        except BufferError:
            self._wait()
            self.write(place, key, value, headers)
        except KafkaException as error:
            raise _failure(topic, error.args[0]) from None

    def acknowledged(self) -> list[int]:
        """Wait for all that was written; its offsets in the order acknowledged. Each is told once.

        Raises Misconfigured for what Kafka never takes (too large, no such topic), else Unavailable("Kafka").
        """
        self._wait()
        offsets, self._acknowledged = self._acknowledged, []
        return offsets

    def _wait(self) -> None:
        left = self._producer.flush(self._patience + 1)
        if self._failed is not None:
            raise self._failed
        if left:
            raise Unavailable("Kafka", f"{left} messages are not acknowledged")
        self._waiting_bytes = 0

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed = self._failed or _failure(str(message.topic()), error)
        else:
            self._acknowledged.append(message.offset() or 0)


def _failure(topic: str, error: KafkaError) -> FreshlineError:
    if error.code() in _NEVER:
        return Misconfigured(f"{topic} does not take the message: {error.str()}")
    return Unavailable("Kafka", f"{topic}: {error.str()}")
