"""The raw topic of the bench: made empty, and filled as Kafka Connect would."""

import logging
from collections.abc import Iterable

from confluent_kafka import KafkaException, Producer

from bench.events.source_log import TOPIC, Event
from connectors.kafka_admin import KafkaAdmin, TopicSpec
from schemas.errors import Unavailable

FLUSH_SECONDS = 120.0


def make_topic(kafka: str, name: str = TOPIC, partitions: int = 4) -> None:
    """Make a topic that is not there yet."""
    KafkaAdmin(kafka).create_topics([TopicSpec(name, partitions, {})])


def producer_to(kafka: str) -> Producer:
    """One that puts each key where Connect would put it. Connecting takes it a while, so a clock had better not run."""
    options = {"bootstrap.servers": kafka, "partitioner": "murmur2_random", "linger.ms": 5, "enable.idempotence": True}
    return Producer(options, logger=logging.getLogger(__name__))


def produce(kafka: str | Producer, events: Iterable[Event], topic: str = TOPIC, wrap: bool = False) -> int:
    """Write all events in order, each key to the partition where Connect would put it. Returns how many.

    `wrap`: as with `schemas.enable`, for who reads nothing else. Raises Unavailable where Kafka did not take all.
    """
    producer, written = producer_to(kafka) if isinstance(kafka, str) else kafka, 0
    failed: list[str] = []
    for event in events:
        while True:
            try:
                producer.produce(
                    topic,
                    wrapped(event.value) if wrap else event.value,
                    wrapped(event.key) if wrap else event.key,
                    headers=list(event.headers),
                    on_delivery=lambda error, _: failed.append(str(error)) if error else None,
                )
                break
            except BufferError:
                producer.poll(0.1)
            except KafkaException as error:
                raise Unavailable("Kafka", str(error)) from None
        producer.poll(0)
        written += 1
    if producer.flush(FLUSH_SECONDS) or failed:
        raise Unavailable("Kafka", f"not every event was written: {failed[:1] or 'time-out'}")
    return written


def wrapped(part: bytes | None) -> bytes | None:
    """The envelope of Connect's JSON converter around a key or a value, but for the schema: nobody here reads it."""
    return None if part is None else b'{"schema":null,"payload":' + part + b"}"
