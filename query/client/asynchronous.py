"""The client for programs that run on an event loop of asyncio: the same calls, awaited."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from functools import wraps
from inspect import isawaitable
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self

import httpx

from query.client import calls, wire
from query.client import webhooks as hooks
from query.client.call import Call, Lost, Reply, T
from query.client.following import PATIENCE_S, SILENCE_S, Following, Manner, News
from query.client.retries import Outcome, Pause, Retries, Send, Step, carry_out
from schemas.update import Standing

P = ParamSpec("P")


def _method(make: Callable[P, Call[T]]) -> "Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]":
    @wraps(make)
    async def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(make(*args, **kwargs))

    return method


def _pages(make: Callable[P, Call[T]]) -> "Callable[Concatenate[AsyncClient, P], AsyncIterator[T]]":
    @wraps(make)
    async def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        call: Call[T] | None = make(*args, **kwargs)
        while call is not None:
            page = await self.send(call)
            yield page
            call = call.next(page)

    return method


class AsyncClient:
    """Asks the API at `url` in the name of whom the token names; what is said of `Client` holds. `token` may also be
    a coroutine function. `transport` may be an httpx.ASGITransport: then nothing leaves the process.
    """

    def __init__(
        self,
        url: str,
        token: wire.AsyncToken,
        *,
        timeout_s: float = wire.TIMEOUT_S,
        retries: Retries = Retries(),  # noqa: B008 - frozen
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base, self._token, self._timeout_s, self._retries = wire.base_of(url), token, timeout_s, retries
        self._http = httpx.AsyncClient(transport=transport, trust_env=False, verify=wire.tls())

    search, search_pages = _method(calls.search), _pages(calls.search)
    record, explain = _method(calls.record), _method(calls.explain)
    freshness = _method(calls.freshness)
    sources, source_pages = _method(calls.sources), _pages(calls.sources)
    decide, decision = _method(calls.decide), _method(calls.decision)
    decisions, decision_pages = _method(calls.decisions), _pages(calls.decisions)
    create_webhook, webhooks, delete_webhook = _method(hooks.create), _method(hooks.mine), _method(hooks.end)
    webhook_deliveries, redeliver_webhook = _method(hooks.deliveries), _method(hooks.redeliver)

    async def send(self, call: Call[T]) -> T:
        """Carry a call out, with retries."""
        steps = carry_out(call, self._retries, self._timeout_s, time.monotonic)
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                result: T = end.value
                return result
            outcome = await self._do(step)

    def updates(
        self,
        standing: Standing | str,
        *,
        cursor: str = "",
        for_s: float = math.inf,
        patience_s: float = PATIENCE_S,
        **options: Any,
    ) -> AsyncGenerator[News, None]:
        """As `Client.updates`."""
        manner = Manner(self._retries, self._timeout_s, patience_s, callable(self._token), for_s)
        following = Following(calls.updates(calls.standing_of(standing, **options)), cursor, manner, time.monotonic)
        return self._follow(following)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _do(self, step: Step) -> Outcome:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        headers = wire.headers_of(step.request, await self._bearer())
        try:
            async with asyncio.timeout(step.timeout_s):
                return await self._whole(step, headers)
        except httpx.TransportError as error:
            return wire.lost_by(error)
        except TimeoutError:
            return Lost("ReadTimeout")

    async def _follow(self, following: Following) -> AsyncGenerator[News, None]:
        while not following.over:
            asked = following.connect()
            url, headers = self._base + asked.path, wire.headers_of(asked, await self._bearer())
            try:
                async with self._http.stream(
                    asked.method, url, params=asked.params, headers=headers, timeout=SILENCE_S
                ) as reply:
                    if reply.status_code == httpx.codes.OK:
                        async for part in reply.aiter_bytes():
                            for news in following.received(part):
                                yield news
                        how: Reply | Lost = Lost("the stream ended")
                    else:
                        how = wire.reply_of(reply, await reply.aread())
            except httpx.TransportError as error:
                how = wire.lost_by(error)
            await asyncio.sleep(following.broken(how))

    async def _whole(self, step: Send, headers: dict[str, str]) -> Outcome:
        asked = step.request
        url = self._base + asked.path
        reply = await self._http.request(
            asked.method, url, params=asked.params, content=asked.body, headers=headers, timeout=step.timeout_s
        )
        return wire.reply_of(reply, reply.content)

    async def _bearer(self) -> str:
        given = self._token() if callable(self._token) else self._token
        return await given if isawaitable(given) else given
