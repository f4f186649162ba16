"""The door every HTTP request passes: a valid token first, then a small body, an answer in time, a log line.

Pure ASGI and outermost, so that no route can forget it: only the paths in OPEN are served without token. The
log has neither query text nor tokens: method, path, status, milliseconds.
"""

import asyncio
import logging
import traceback
from collections.abc import Callable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query.asker import Asker
from query.problems import BodyTooLarge, InternalError, TimedOut, problem_response
from schemas.errors import FreshlineError, Refused, Unauthenticated

OPEN = frozenset({"/healthz", "/readyz", "/openapi.json"})
MAX_BODY_BYTES = 64 * 1024
log = logging.getLogger("freshline.query")

Verify = Callable[[str], Asker]
"""A token to who asks with it. May block. Raises Unauthenticated; NotAvailable while it cannot be known."""


class Door:
    """`timeout_s` covers everything, from the first byte of the body to the last of the answer."""

    def __init__(self, app: ASGIApp, verify: Verify, timeout_s: float) -> None:
        self._app = app
        self._verify = verify
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 0

        async def noted_send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        refused: Refused | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
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
            await problem_response(refused)(scope, receive, noted_send)
        log.info("%s %d %.1f ms", _shown(scope), status, (perf_counter() - began) * 1000)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in OPEN:
            asker = await asyncio.to_thread(self._verify, _token(scope))
            scope.setdefault("state", {})["asker"] = asker
        body = await _read(receive)
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


def _token(scope: Scope) -> str:
    """What follows `Bearer` in the one Authorization header."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = given[0].decode("latin-1").partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated()
    return token.strip()


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(f"a question has at most {MAX_BODY_BYTES} bytes")
        if not message.get("more_body", False):
            return bytes(body)


def _shown(scope: Scope) -> str:
    """Method and path, quoted so that a path cannot forge a line of the log."""
    return f"{scope['method']} {scope['path'][:200]!r}"
