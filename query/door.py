"""The door every HTTP request passes: a valid token and a rate that is kept, then a small body, an answer in time, a
log line.

Pure ASGI and outermost but for headers, so that no route can forget it: only the paths in OPEN are served without
token. The log has neither query text nor tokens: method, path, status, milliseconds.
"""

import asyncio
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query.asker import Asker
from query.gateway.limits import RateLimits, Standing
from query.gateway.refusals import BodyTooLarge, InternalError, TimedOut
from query.problems import problem_response
from schemas.errors import FreshlineError, Refused, Unauthenticated

OPEN = frozenset({"/healthz", "/readyz", "/openapi.json"})
STREAMING = ("/mcp", "/v1/updates")
"""Paths, and what is below them, whose answers may go on as long as both sides want: they have to begin in time."""
log = logging.getLogger("freshline.query")

Verify = Callable[[str], Asker]
"""A token to who asks with it. May block. Raises Unauthenticated; NotAvailable while it cannot be known."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """What the door goes by. `timeout_s` covers everything, from the first byte of the body to the last of the answer;
    of a streaming path to the first of it."""

    verify: Verify
    rates: RateLimits
    timeout_s: float
    most_body_bytes: int

    def allowed_s(self, path: str) -> float:
        """A streaming path has a second more: what it asks of other paths in its turn ends before it, by a code of its
        own."""
        return self.timeout_s + (1.0 if streams(path) else 0.0)


class Door:
    """Lets in whom `keeper` lets in; every refusal and every failure is a problem document."""

    def __init__(self, app: ASGIApp, keeper: Keeper) -> None:
        self._app = app
        self._keeper = keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 0

        async def noted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _tell_rate(scope, message)
                if streams(scope["path"]):
                    limit.reschedule(None)
            await send(message)

        refused: Refused | None = None
        try:
            async with asyncio.timeout(self._keeper.allowed_s(scope["path"])) as limit:
                await self._admit(scope, receive, noted_send)
        except Refused as error:
            refused = error
        except TimeoutError:
            refused = TimedOut()
        except Exception as error:  # words not ours may hold rows or questions
            frames = "".join(traceback.format_tb(error.__traceback__))
            said = str(error) if isinstance(error, FreshlineError) else ""
            log.error("%s %s in %s\n%s", type(error).__name__, said, _shown(scope), frames)
            refused = InternalError()
        if refused is not None and not status:
            status = refused.status
            await problem_response(refused)(scope, receive, send)
        log.info("%s %d %.1f ms", _shown(scope), status, (perf_counter() - began) * 1000)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in OPEN:
            asker, standing = await asyncio.to_thread(self._let_in, _address(scope), _token(scope))
            scope.setdefault("state", {}).update(asker=asker, standing=standing)
        body = await _read(receive, self._keeper.most_body_bytes)
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    def _let_in(self, address: str, token: str) -> tuple[Asker, Standing]:
        rates = self._keeper.rates
        rates.suspect(address, token)
        try:
            asker = self._keeper.verify(token)
        except Unauthenticated:
            rates.failed(address, token)
            raise
        rates.verified(token)
        return asker, rates.admit(asker)


def streams(path: str) -> bool:
    """Whether the path, or one above it, is in STREAMING."""
    return any(path == each or path.startswith(f"{each}/") for each in STREAMING)


def _tell_rate(scope: Scope, message: Message) -> None:
    standing = scope.get("state", {}).get("standing")
    if isinstance(standing, Standing):
        headers = MutableHeaders(scope=message)
        headers["RateLimit-Policy"], headers["RateLimit"] = standing.policy, standing.state


def _address(scope: Scope) -> str:
    """The connection's: what a header says of it is not believed."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _token(scope: Scope) -> str:
    """What follows `Bearer` in the one Authorization header."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = given[0].decode("latin-1").partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated()
    return token.strip()


async def _read(receive: Receive, most_bytes: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > most_bytes:
            raise BodyTooLarge(f"a request body has at most {most_bytes} bytes")
        if not message.get("more_body", False):
            return bytes(body)


def _shown(scope: Scope) -> str:
    """Method and path, quoted so that a path cannot forge a line of the log."""
    return f"{scope['method']} {scope['path'][:200]!r}"
