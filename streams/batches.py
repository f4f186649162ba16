"""Micro-batches from a Faust stream: read, acknowledged by us alone, retried in place."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NoReturn, TypeVar, cast

import faust
from aiokafka.errors import KafkaError, KafkaTimeoutError
from faust.exceptions import ProducerSendError
from faust.types import EventT

from schemas.change import Origin
from schemas.errors import FreshlineError, NotAvailable, Unavailable
from streams.decode import RawEvent

log = logging.getLogger(__name__)
T = TypeVar("T")
Event = EventT[bytes]

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
"""Seconds between tries while a part is away."""
BROKEN = 70
"""Exit code (EX_SOFTWARE) of a worker that met an error it does not understand."""
MOST_BYTES = 4 * 1024 * 1024
"""Of the messages of one batch: what one holds in memory is several times as much, and a few are in hand at once."""
TURNS = 10
"""Of the event loop, in which Faust hands over an event that it has: it takes about five."""
START_AGAIN = 75
"""Exit code (EX_TEMPFAIL) of a worker that must start again with other topics."""


class TableStopped(FreshlineError):
    """A table does not fit its contract any more; its state says so, and the worker starts again without it."""

    code = "table_stopped"


async def batches(stream: faust.StreamT[bytes], size: int) -> AsyncIterator[Sequence[Event]]:
    """What has come since the last batch, at once: an idle stream gives each event alone, a busy one up to `size`, or
    as many as are MOST_BYTES together.

    Not acknowledged: `acknowledge` does that. Faust's `take()` acknowledges even when the body fails, and both it and
    `noack_take()` look only every so often whether something came.
    """
    waiting: list[Event] = []
    held = 0
    some, room = asyncio.Event(), asyncio.Event()

    async def keep(value: bytes | None) -> bytes | None:
        nonlocal held
        waiting.append(cast(Event, stream.current_event))
        some.set()
        held += len(value or b"")
        if len(waiting) >= size or held >= MOST_BYTES:
            room.clear()
            await room.wait()
        return value

    stream.enable_acks = False
    stream.add_processor(keep)
    reading = asyncio.create_task(_read_all(stream))
    reading.add_done_callback(lambda _: some.set())
    try:
        while await some.wait() and waiting:
            await _all_there(waiting, size)
            events = [*waiting]
            waiting.clear()
            held = 0
            room.set()
            if not reading.done():
                some.clear()
            yield events
        reading.result()
    finally:
        reading.cancel()


async def _all_there(waiting: Sequence[Event], size: int) -> None:
    """Return once a batch is full, or nothing more is at hand: Faust hands events over one by one, and each takes it
    some turns of the event loop. No time passes for an event that comes alone."""
    seen = 0
    while seen < len(waiting) < size:
        seen = len(waiting)
        for _ in range(TURNS):
            await asyncio.sleep(0)
            if len(waiting) > seen:
                break


async def _read_all(stream: faust.StreamT[bytes]) -> None:
    """Let the stream's processors see whatever comes."""
    async for _ in stream:
        pass


def acknowledge(events: Sequence[Event]) -> None:
    """Say that all that came from these events is safe; Faust commits up to the first that is not acknowledged."""
    for event in events:
        event.ack()


async def persist(what: str, do: Callable[[], Awaitable[T]]) -> T:
    """Do it until it succeeds, waiting while Kafka or Milvus is away. Nothing is acknowledged meanwhile.

    An error of any other kind ends the process at once: were it raised, Faust would acknowledge the events and
    lose them. The supervisor starts a new worker, which reads them again.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return await do()
        except (Unavailable, NotAvailable, KafkaError, ProducerSendError, TimeoutError) as error:
            if not may_pass(error):
                give_up(what)
            log.warning("%s waits: %s", what, str(error) or type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        except TableStopped as stopped:
            start_again(str(stopped))
        except Exception:
            give_up(what)


def may_pass(error: Exception) -> bool:
    """Whether the same may succeed later: Kafka's own errors say so, any other of these means a part is away.

    To aiokafka a message that could not be sent in time is lost; but it is still in our hands, to be sent again.
    """
    kafka = error if isinstance(error, KafkaError) else error.__cause__
    return bool(kafka.retriable) or isinstance(kafka, KafkaTimeoutError) if isinstance(kafka, KafkaError) else True


def give_up(what: str) -> NoReturn:
    """End this worker because of the error at hand, which it does not understand. Nothing is acknowledged."""
    log.critical("%s failed; the worker stops without acknowledging", what, exc_info=True)
    logging.shutdown()
    os._exit(BROKEN)


def start_again(why: str) -> NoReturn:
    """End this worker; its supervisor starts another at once. What was not acknowledged is read again."""
    log.error("the worker starts again: %s", why)
    logging.shutdown()
    os._exit(START_AGAIN)


def raw_event(event: Event) -> RawEvent:
    """The message as it came, before any decoding by Faust."""
    message = event.message
    headers = cast(list[tuple[str, bytes | None]], message.headers or [])
    return RawEvent(
        origin=Origin(topic=message.topic, partition=message.partition, offset=message.offset),
        key=message.key,
        value=message.value,
        headers=tuple((name, value or b"") for name, value in headers),
    )


def now_ms() -> int:
    """Wall-clock time, milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000
