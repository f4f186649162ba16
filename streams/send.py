"""Sending to Kafka through Faust's producer: all of a batch at once, done when every message is acknowledged."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Self

import faust
from pydantic import BaseModel

from schemas.topics import Topic


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to a topic of ours: a key and a model as JSON. Without a partition the key decides."""

    topic: Topic
    key: bytes
    value: bytes
    partition: int | None = None

    @classmethod
    def of(cls, topic: Topic, key: str, model: BaseModel) -> Self:
        return cls(topic, key.encode(), model.model_dump_json().encode())


Send = Callable[[Sequence[Message]], Awaitable[None]]


def sender(app: faust.App) -> Send:
    """A `Send` over the app's producer. Order is kept within a key. Raises KafkaError when Kafka is away."""

    async def send(messages: Sequence[Message]) -> None:
        producer = await app.maybe_start_producer()
        pending = [await producer.send(m.topic, m.key, m.value, m.partition, None, None) for m in messages]
        await asyncio.gather(*pending)

    return send
