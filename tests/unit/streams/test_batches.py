"""Holding on to a batch: what may pass is waited out, what is not understood ends the worker unacknowledged."""

import asyncio
import os
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError
from faust.exceptions import ProducerSendError

from schemas.change import Origin
from schemas.errors import IndexUnavailable, Unavailable
from streams.batches import BROKEN, START_AGAIN, TableStopped, acknowledge, persist, raw_event
from streams.decode import RawEvent


class Ended(BaseException):
    """In place of the process's end."""


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


def failing(*errors: BaseException) -> Any:
    left = list(errors)

    async def do() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return do


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("Kafka"),
        IndexUnavailable(),
        KafkaConnectionError(),
        KafkaTimeoutError(),
        ProducerSendError("x"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_part_that_is_away_is_waited_for(error: Exception, pauses: list[float]) -> None:
    assert await persist("indexing", failing(error, error)) == "done"
    assert pauses == [0.25, 0.5]


async def test_the_pauses_grow_to_a_limit(pauses: list[float]) -> None:
    await persist("indexing", failing(*[IndexUnavailable()] * 8))
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


async def test_an_error_of_any_other_kind_ends_the_process_at_once(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise Ended

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr("logging.shutdown", lambda: None)
    with pytest.raises(Ended):
        await persist("indexing", failing(IndexUnavailable(), ZeroDivisionError("bug")))
    assert (codes, pauses) == ([BROKEN], [0.25])


async def test_a_stopped_table_ends_the_worker_without_acknowledging_so_that_another_begins_without_it(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise Ended

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr("logging.shutdown", lambda: None)
    with pytest.raises(Ended):
        await persist("intake", failing(TableStopped("helpdesk s.t stops")))
    assert (codes, pauses) == ([START_AGAIN], [])


async def test_being_cancelled_is_passed_on(pauses: list[float]) -> None:
    with pytest.raises(asyncio.CancelledError):
        await persist("intake", failing(asyncio.CancelledError()))


def test_a_message_is_taken_as_it_came() -> None:
    headers = [("a", b"1"), ("empty", None)]
    message = SimpleNamespace(topic="t", partition=2, offset=9, key=b"k", value=b"\xff", headers=headers)
    event = cast(Any, SimpleNamespace(message=message))
    origin = Origin(topic="t", partition=2, offset=9)
    assert raw_event(event) == RawEvent(origin, b"k", b"\xff", (("a", b"1"), ("empty", b"")))
    message.headers = None
    assert raw_event(event).headers == ()


def test_every_event_of_a_batch_is_acknowledged_in_order() -> None:
    done: list[int] = []
    acknowledge([cast(Any, SimpleNamespace(ack=lambda n=n: done.append(n))) for n in range(3)])
    assert done == [0, 1, 2]
