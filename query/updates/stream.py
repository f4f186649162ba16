"""One stream of server-sent events: hits as they come, a heartbeat between them, and a last word when it ends.

    retry: 2000
    id: <cursor>   event: heartbeat   data: {"sources": [...]}      at once, and every HEARTBEAT_S
    id: <cursor>   event: hit         data: {"id", "answer_id", "kind", "hit"}
    event: closed                     data: {"code", "detail"}      then the stream ends

Whoever goes on with the last id (Last-Event-ID) misses nothing; a version may come twice, under the same `id` in data.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass

import orjson
from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from query.asker import Asker, Circumstances
from query.gateway.refusals import InternalError, TenantBusy
from query.search import Parts
from query.status import statuses
from query.updates.feed import Feed
from query.updates.places import UpdateCursors
from query.updates.streams import Slot, Streams
from query.updates.subscription import Event, Subscription
from query.workers import Workers
from schemas.errors import FreshlineError, NotAvailable, Refused
from schemas.update import Closed

HEARTBEAT_S = 10.0
"""At most so long a token that was revoked keeps its stream; with every hit it is verified anew."""
PAUSE_S = 1.0
"""Before the next try, while something that decides is not available."""
SLOW_S = 10.0
"""A client that does not take what is sent for so long is too slow."""
RETRY_MS = 2000


@dataclass(frozen=True, slots=True)
class Push:
    """What streams share. `workers`: threads that match, apart from those that answer questions."""

    parts: Parts
    feed: Feed
    cursors: UpdateCursors
    streams: Streams
    workers: Workers


@dataclass(frozen=True, slots=True)
class Client:
    """Who listens. `verify` reads the token again, and raises Unauthenticated where it counts no more; `about` gives
    the circumstances of now; the stream ends after `for_s` seconds, if that is given."""

    verify: Callable[[], Asker]
    about: Callable[[], Circumstances]
    for_s: float | None = None


async def events(push: Push, client: Client, subscription: Subscription, slot: Slot) -> AsyncIterator[bytes]:
    """The stream's bytes. It ends by itself with `closed`, or when it is closed."""
    ends, tenant = None if client.for_s is None else time.monotonic() + client.for_s, slot.owner[0]
    yield f"retry: {RETRY_MS}\n\n".encode()
    try:
        with _woken(push, subscription, slot):
            beat = word = 0.0
            while True:
                now = time.monotonic()
                if slot.is_ending or (ends is not None and now >= ends):
                    yield _said("closed", _closing(slot))
                    return
                try:
                    asker = await push.workers.run_for(tenant, client.verify)
                    event = await push.workers.run_for(tenant, subscription.next, asker, client.about())
                except (NotAvailable, TenantBusy):
                    if now >= word:  # not whenever it is woken: that would tell of updates, whoever may see them
                        word = now + PAUSE_S
                        yield b": waiting\n\n"
                    await slot.news(_until(ends, now, max(0.0, word - time.monotonic())))
                    continue
                if event is not None:
                    yield _hit(push, asker, subscription, event)
                    continue
                if now >= beat:
                    beat = now + HEARTBEAT_S
                    yield _heartbeat(push, asker, subscription)
                if subscription.more:
                    continue
                await slot.news(_until(ends, now, max(0.0, beat - time.monotonic())))
    except Refused as refused:
        yield _said("closed", Closed(code=refused.code, detail=str(refused)))
    except Exception:  # the door logs it; a client that went on by itself would meet it again for ever
        yield _said("closed", Closed(code=InternalError.code, detail=str(InternalError())))
        raise


class EventStream(StreamingResponse):
    """Sends `events`; frees the slot at the end, however it comes; a client that takes nothing is cut off."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes], slot: Slot) -> None:
        super().__init__(content, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._slot, self._content = slot, content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def in_time(message: object) -> None:
            try:
                async with asyncio.timeout(SLOW_S):
                    await send(message)  # type: ignore[arg-type]
            except TimeoutError:
                raise TooSlow() from None

        try:
            await super().__call__(scope, receive, in_time)
        except (TooSlow, ClientDisconnect):
            return
        finally:
            self._slot.leave()
            closing = getattr(self._content, "aclose", None)
            if closing is not None:
                await closing()


class TooSlow(FreshlineError):
    """The client did not take what was sent; it may go on by Last-Event-ID."""

    code = "too_slow"


def _woken(push: Push, subscription: Subscription, slot: Slot) -> ExitStack:
    """Meanwhile the slot is woken by updates, and by permissions that move while something waits for that."""

    def moved() -> None:
        subscription.moved = True
        if subscription.waits:
            slot.wake()

    stack = ExitStack()
    stack.enter_context(push.feed.waking(slot.wake))
    stack.enter_context(push.parts.grounds.view.waking(moved))
    return stack


def _until(ends: float | None, now: float, patience_s: float) -> float:
    return patience_s if ends is None else min(patience_s, max(0.0, ends - now))


def _closing(slot: Slot) -> Closed:
    if slot.is_ending:
        return Closed(code="restarting", detail="The server restarts; go on by Last-Event-ID.")
    return Closed(code="over", detail="The stream lasted as long as was asked for; go on by Last-Event-ID.")


def _hit(push: Push, asker: Asker, subscription: Subscription, event: Event) -> bytes:
    cursor = push.cursors.closed(event.places, asker.principal, subscription.standing)
    return _said("hit", event.pushed, cursor)


def _heartbeat(push: Push, asker: Asker, subscription: Subscription) -> bytes:
    grounds, standing, allowed = push.parts.grounds, subscription.standing, asker.mandate.sources
    shown = [
        contract
        for source, contract in grounds.contracts.items()
        if (standing.sources is None or source in standing.sources) and (allowed is None or source in allowed)
    ]
    states = statuses(shown, grounds.view, grounds.lag_limit_s, push.parts.clock().wall_ms)
    cursor = push.cursors.closed(subscription.places, asker.principal, standing)
    return _said("heartbeat", {"sources": [state.model_dump() for state in states]}, cursor)


def _said(event: str, data: BaseModel | dict[str, object], cursor: str | None = None) -> bytes:
    """JSON has no line breaks, so it is one data line."""
    body = orjson.dumps(data.model_dump(mode="json") if isinstance(data, BaseModel) else data)
    head = f"event: {event}\n" + (f"id: {cursor}\n" if cursor else "")
    return head.encode() + b"data: " + body + b"\n\n"
