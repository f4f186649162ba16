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


START_AGAIN = 75
"""Exit code (EX_TEMPFAIL) of a worker that must start again with other topics."""


class TableStopped(FreshlineError):
    """A table does not fit its contract any more; its state says so, and the worker starts again without it."""

    code = "table_stopped"


async def batches(stream: faust.StreamT[bytes], size: int, wait: float) -> AsyncIterator[Sequence[Event]]:
    """Up to `size` events, or what came within `wait` seconds. Not acknowledged: `acknowledge` does that.

    Faust's `take()` acknowledges even when the body fails; `noack_take()` leaves it to us.
    """
    async for events in cast(faust.Stream[bytes], stream).noack_take(size, within=wait):
        yield cast(Sequence[Event], events)


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
