"""Half of a worker in a process of its own: `python -m bench.scale.pipe intake|indexing BATCH`.

Intake and indexing are the product's, on real Kafka topics and a real index, with a cheap embedder; only who hands over
the batches is ours and not Faust, so that a million events fit into minutes. It goes on where the consumer group is,
which has no member meanwhile, and commits for it; so workers as they are can go on from there, and it from them.

For each line on stdin, a number of events, it takes up so many; it prints how many it has after each batch.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence

from confluent_kafka import Consumer, TopicPartition

from bench.events import TOPIC
from bench.scale.cheap import cheap_embedder
from connectors.kafka_offsets import KafkaOffsets, quiet
from connectors.kafka_writer import KafkaWriter
from connectors.load import load
from index.milvus import MilvusStore
from index.milvus_generations import MilvusGenerations
from schemas.change import Origin
from schemas.garbage import spare_garbage
from schemas.settings import Settings, read_secret
from schemas.topics import CHANGES
from streams.decode import RawEvent
from streams.indexing import Indexer
from streams.intake import tables_by_topic
from streams.job import Job
from streams.progress import Tracker
from streams.raw_topic import RawTopics
from streams.send import Message, Send
from streams.taking import Taking

WAIT_S = 60.0
Work = Callable[[Sequence[RawEvent]], Awaitable[None]]


def main(settings: Settings, role: str, batch: int) -> None:
    topic, work = (TOPIC, _intake(settings)) if role == "intake" else (CHANGES, _indexing(settings))
    spare_garbage()  # as a worker does
    asyncio.run(_serve(Reader(settings, topic), work, batch))


async def _serve(reader: "Reader", work: Work, batch: int) -> None:
    for line in sys.stdin:
        reader.go_on()
        done, wanted = 0, int(line)
        while done < wanted:
            events = reader.read(min(batch, wanted - done))
            await work(events)
            reader.commit(events)
            done += len(events)
            sys.stdout.write(f"{done}\n")
            sys.stdout.flush()


class Reader:
    """Of all partitions of a topic, for a group without being its member."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._offsets, self._topic, self._partitions = (
            KafkaOffsets(settings.kafka, settings.group),
            topic,
            settings.partitions,
        )
        options = {"group.id": settings.group, "enable.auto.commit": False}
        self._consumer = Consumer({**quiet(settings.kafka), **options})

    def go_on(self) -> None:
        """From where the group is."""
        committed = self._offsets.committed([self._topic])
        places = [(self._topic, number) for number in range(self._partitions)]
        self._consumer.assign([TopicPartition(*place, committed.get(place, 0)) for place in places])

    def read(self, count: int) -> list[RawEvent]:
        """So many, in the order of each partition. Raises SystemExit where they do not come."""
        messages = self._consumer.consume(count, WAIT_S)
        if len(messages) < count:
            raise SystemExit(f"{len(messages)} events have come within {WAIT_S:g} s, and not {count}")
        events = []
        for message in messages:
            if message.error() is not None:
                raise SystemExit(f"Kafka: {message.error()}")
            origin = Origin(topic=self._topic, partition=message.partition() or 0, offset=message.offset() or 0)
            events.append(RawEvent(origin, _bytes(message.key()), _bytes(message.value())))
        return events

    def commit(self, events: Sequence[RawEvent]) -> None:
        ends = {event.origin.partition: event.origin.offset + 1 for event in events}
        places = [TopicPartition(self._topic, number, offset) for number, offset in ends.items()]
        self._consumer.commit(offsets=places, asynchronous=False)


def _intake(settings: Settings) -> Work:
    tables, send = tables_by_topic(load(settings.sources)), _sender(settings)
    taking = Taking(tables, RawTopics(settings.kafka, WAIT_S), settings.max_text_bytes, settings.partitions)
    return lambda events: taking.take(events, send)


def _indexing(settings: Settings) -> Work:
    embedder, send = cheap_embedder(), _sender(settings)
    place = settings.milvus_uri, read_secret(settings.milvus_token_file), settings.collection
    generation = MilvusGenerations(*place).first(embedder.spec)
    indexer = Indexer(MilvusStore(*place, timeout=60.0, generation=generation.number), embedder)
    nothing = Taking({}, RawTopics(settings.kafka, WAIT_S), settings.max_text_bytes, settings.partitions)
    job = Job({}, nothing, indexer, Tracker(KafkaOffsets(settings.kafka, "bench-scale"), {}, lambda _: True, 1.0))
    return lambda events: job.index(events, send)


def _sender(settings: Settings) -> Send:
    writer = KafkaWriter(settings.kafka)

    async def send(messages: Sequence[Message]) -> None:
        for message in messages:
            writer.write((message.topic, message.partition or 0), message.key, message.value)
        writer.acknowledged()

    return send


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data


if __name__ == "__main__":
    main(Settings.load(os.environ), sys.argv[1], int(sys.argv[2]))
