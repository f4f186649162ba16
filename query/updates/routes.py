"""`GET /v1/updates`: a standing question, answered whenever something that is permitted and relevant changes."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from query.asker import Asker, Circumstances
from query.capabilities.reach import require
from query.door import Verify
from query.gateway.gate import SECURED, Gate, circumstances
from query.problems import documented
from query.updates.match import matches
from query.updates.stream import Client, EventStream, Push, events
from query.updates.subscription import Subscription
from schemas.answer import SourceKey
from schemas.update import Standing

TAG = "updates"
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: `hit`, `heartbeat`, and `closed` as the last.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the stream is to tell of, and for how long: for ever, by default."""

    standing: Standing
    for_s: int | None


def asked(
    query: Annotated[str, Query(min_length=1, max_length=2000)],
    source: Annotated[list[SourceKey] | None, Query(min_length=1, max_length=50)] = None,
    min_relevance: Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)] = 0.3,
    purpose: Annotated[str, Query(max_length=200)] = "",
    for_seconds: Annotated[int | None, Query(ge=1, le=86_400)] = None,
) -> Asked:
    """From the query; see `schemas.update.Standing`. The stream ends after `for_seconds`."""
    return Asked(Standing(query=query, sources=source, min_relevance=min_relevance, purpose=purpose), for_seconds)


def updates_routes(push: Push, verify: Verify, may: Gate) -> APIRouter:
    """The route. `verify` reads the caller's token again, as the door did."""
    router = APIRouter(tags=[TAG], dependencies=SECURED)
    may_search = may("search")

    @router.get(
        "/v1/updates",
        response_class=Response,
        responses=_STREAM | documented(401, 403, 410, 422, 429, 500, 503),
    )
    async def updates(
        request: Request,
        who: Annotated[Asker, Depends(may_search)],
        what: Annotated[Asked, Depends(asked)],
        last_event_id: Annotated[str | None, Header(max_length=4_000)] = None,
    ) -> Response:
        """Be told of each permitted change that is relevant enough. Go on where a stream ended by its last id."""
        here = partial(circumstances, request, push.parts.clock, what.standing.purpose)
        client = Client(partial(_again, verify, _token(request)), here, what.for_s)
        slot = push.streams.enter(who.principal)
        try:
            tenant = who.principal.tenant
            subscription = await push.workers.run_for(tenant, _begin, push, who, here(), what.standing, last_event_id)
        except BaseException:
            slot.leave()
            raise
        return EventStream(events(push, client, subscription, slot), slot)

    return router


def _begin(push: Push, who: Asker, about: Circumstances, standing: Standing, cursor: str | None) -> Subscription:
    """Refuses now what would be refused with the first update. Raises as `matches`, InvalidCursor, CursorExpired."""
    places = push.cursors.opened(cursor, who.principal, standing) if cursor else push.feed.end()
    matches(push.parts, who, about, standing, [])
    push.feed.read(places, 1)
    return Subscription(push.parts, push.feed, standing, places)


def _again(verify: Verify, token: str) -> Asker:
    asker = verify(token)
    require(asker, "search")
    return asker


def _token(request: Request) -> str:
    """The door has let it in: it is there, once, after `Bearer`."""
    return request.headers.get("authorization", "").partition(" ")[2].strip()
