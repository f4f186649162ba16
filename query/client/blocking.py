"""The client for programs that wait: each method of it is a call of `calls`, carried out."""

import math
import time
from collections.abc import Callable, Generator, Iterator
from functools import wraps
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


def _method(make: Callable[P, Call[T]]) -> "Callable[Concatenate[Client, P], T]":
    @wraps(make)
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(make(*args, **kwargs))

    return method


def _pages(make: Callable[P, Call[T]]) -> "Callable[Concatenate[Client, P], Iterator[T]]":
    @wraps(make)
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        call: Call[T] | None = make(*args, **kwargs)
        while call is not None:
            page = self.send(call)
            yield page
            call = call.next(page)

    return method


class Client:
    """Asks the API at `url` in the name of whom the token names. Safe for several threads.

    Every method raises the schemas.errors.Refused that the API names (`error.code` is stable), Unavailable where no
    reply came, InvalidQuestion and Misconfigured before anything is sent. What is safe to send again is, by `retries`;
    `timeout_s` is for a method's tries and pauses together. Neither environment nor redirects are followed.
    """

    def __init__(
        self,
        url: str,
        token: wire.Token,
        *,
        timeout_s: float = wire.TIMEOUT_S,
        retries: Retries = Retries(),  # noqa: B008 - frozen
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._base, self._token, self._timeout_s, self._retries = wire.base_of(url), token, timeout_s, retries
        self._http = httpx.Client(transport=transport, trust_env=False, verify=wire.tls())

    search, search_pages = _method(calls.search), _pages(calls.search)
    record, explain = _method(calls.record), _method(calls.explain)
    freshness = _method(calls.freshness)
    sources, source_pages = _method(calls.sources), _pages(calls.sources)
    decide, decision = _method(calls.decide), _method(calls.decision)
    decisions, decision_pages = _method(calls.decisions), _pages(calls.decisions)
    create_webhook, webhooks, delete_webhook = _method(hooks.create), _method(hooks.mine), _method(hooks.end)
    webhook_deliveries, redeliver_webhook = _method(hooks.deliveries), _method(hooks.redeliver)

    def send(self, call: Call[T]) -> T:
        """Carry a call out, with retries."""
        steps = carry_out(call, self._retries, self._timeout_s, time.monotonic)
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                result: T = end.value
                return result
            outcome = self._do(step)

    def updates(
        self,
        standing: Standing | str,
        *,
        cursor: str = "",
        for_s: float = math.inf,
        patience_s: float = PATIENCE_S,
        **options: Any,
    ) -> Generator[News, None, None]:
        """Each permitted, relevant change from now on, or from after `cursor`, for `for_s` seconds. `options` are
        those of schemas.update.Standing. Disconnects and restarts of the server are bridged without loss; Unavailable
        when it is away for longer than `patience_s`. Raises CursorExpired for a cursor too old: search, then go on.
        """
        manner = Manner(self._retries, self._timeout_s, patience_s, callable(self._token), for_s)
        following = Following(calls.updates(calls.standing_of(standing, **options)), cursor, manner, time.monotonic)
        return self._follow(following)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, step: Step) -> Outcome:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        headers = wire.headers_of(step.request, self._bearer())
        try:
            return self._whole(step, headers)
        except httpx.TransportError as error:
            return wire.lost_by(error)

    def _follow(self, following: Following) -> Generator[News, None, None]:
        while not following.over:
            asked = following.connect()
            url, headers = self._base + asked.path, wire.headers_of(asked, self._bearer())
            try:
                with self._http.stream(
                    asked.method, url, params=asked.params, headers=headers, timeout=SILENCE_S
                ) as reply:
                    if reply.status_code == httpx.codes.OK:
                        for part in reply.iter_bytes():
                            yield from following.received(part)
                        how: Reply | Lost = Lost("the stream ended")
                    else:
                        how = wire.reply_of(reply, reply.read())
            except httpx.TransportError as error:
                how = wire.lost_by(error)
            time.sleep(following.broken(how))

    def _bearer(self) -> str:
        return self._token() if callable(self._token) else self._token

    def _whole(self, step: Send, headers: dict[str, str]) -> Reply | Lost:
        """A reply with its body, in time also where it comes in drips."""
        ends, asked = time.monotonic() + step.timeout_s, step.request
        url, body = self._base + asked.path, bytearray()
        with self._http.stream(
            asked.method, url, params=asked.params, content=asked.body, headers=headers, timeout=step.timeout_s
        ) as reply:
            for part in reply.iter_bytes():
                body += part
                if time.monotonic() > ends:
                    return Lost("ReadTimeout")
            return wire.reply_of(reply, bytes(body))
