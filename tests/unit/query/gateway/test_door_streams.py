import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from query.asker import Asker
from query.door import Door, Keeper, streams
from query.gateway.limits import RateLimits
from query.principal import Principal

SHORT_S = 0.05
MOST_BYTES = 100
App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def through(app: App, path: str, received: list[Message]) -> list[Message]:
    """What is sent for a request that goes on to `received`, and then is silent for ever."""
    sent: list[Message] = []

    async def receive() -> Message:
        return received.pop(0) if received else await asyncio.Event().wait()  # type: ignore[return-value]

    async def send(message: Message) -> None:
        sent.append(message)

    keeper = Keeper(lambda _: Asker(Principal("alice", "acme")), RateLimits(), SHORT_S, MOST_BYTES)
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(b"authorization", b"Bearer x")],
    }
    async with asyncio.timeout(5):
        await Door(app, keeper)(scope, receive, send)
    return sent


EMPTY: Message = {"type": "http.request", "body": b"", "more_body": False}
GONE: Message = {"type": "http.disconnect"}


def slow_after(began: bool) -> App:
    """An application that takes longer than the limit after its answer has begun, or never begins."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        if began:
            await send(start)
        else:
            await asyncio.Event().wait()
        await asyncio.sleep(SHORT_S * 3)
        await send({"type": "http.response.body", "body": b"late", "more_body": False})

    return app


@pytest.mark.parametrize("path", ["/v1/updates", "/mcp"])
async def test_an_answer_that_streams_goes_on_beyond_the_limit_and_is_passed_on_as_it_comes(path: str) -> None:
    sent = await through(slow_after(began=True), path, [dict(EMPTY)])
    assert [message.get("body") for message in sent] == [None, b"late"]


async def test_one_that_does_not_begin_in_time_is_given_up() -> None:
    sent = await through(slow_after(began=False), "/v1/updates", [dict(EMPTY)])
    assert sent[0]["status"] == 503


async def test_any_other_answer_ends_at_the_limit_also_when_it_has_begun() -> None:
    sent = await through(slow_after(began=True), "/v1/search", [dict(EMPTY)])
    assert [message["type"] for message in sent] == ["http.response.start"]


async def test_who_goes_away_is_noticed_by_the_application() -> None:
    heard = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend([(await receive())["type"], (await receive())["type"]])

    await through(app, "/v1/updates", [dict(EMPTY), dict(GONE)])
    assert heard == ["http.request", "http.disconnect"]


async def test_a_streaming_path_takes_no_larger_body_than_others() -> None:
    chunk: Message = {"type": "http.request", "body": b"x" * MOST_BYTES, "more_body": True}
    sent = await through(slow_after(began=True), "/mcp", [dict(chunk), dict(chunk)])
    assert sent[0]["status"] == 413


def test_only_the_paths_themselves_and_what_is_below_them_stream() -> None:
    assert [streams(path) for path in ("/mcp", "/mcp/x", "/v1/updates")] == [True] * 3
    assert [streams(path) for path in ("/mcpx", "/v1/updates2", "/v1/search", "/", "/v1")] == [False] * 5
