"""The REST API: a list of its routes, by room, behind the door. Who asks comes from the token alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from query.decisions.routes import decision_routes
from query.door import Door, Keeper, Verify
from query.freshness.routes import Counting, freshness_routes
from query.freshness.waits import Waits
from query.gateway.cursor import Cursors
from query.gateway.gate import gate, known_parameters
from query.gateway.headers import SecureHeaders, cross_origin
from query.gateway.limits import RateLimits
from query.gateway.manners import Manners
from query.gateway.openapi import document, operation_id
from query.gateway.readiness import Readiness
from query.gateway.routes import answer_routes, source_routes
from query.gateway.service import service_routes
from query.mcp.http import mcp_endpoint
from query.problems import handle_problems
from query.search import Parts
from query.updates.routes import updates_routes
from query.updates.stream import Push
from query.webhooks.routes import Hooks, webhook_routes
from query.workers import Workers

NOBODY = "readiness/probe/-"
"""A record id no source makes: asking for it shows that the index answers."""


@dataclass(frozen=True, slots=True)
class Deps:
    """What the API needs from outside; `request_timeout_s` is for a whole request."""

    parts: Parts
    verify: Verify
    request_timeout_s: float
    manners: Manners = field(default_factory=Manners)
    counting: Counting = field(default_factory=Counting)
    push: Push | None = None
    hooks: Hooks | None = None


def create_app(deps: Deps) -> FastAPI:
    """The application. It holds threads of its own, which end with its lifespan."""
    parts, grounds, clock = deps.parts, deps.parts.grounds, deps.parts.clock
    workers = Workers(deps.manners.threads, deps.manners.waiting)
    readiness = Readiness(lambda: parts.live().store.held([NOBODY]), clock)
    cursors = Cursors(parts.recorder.secret("cursors"))
    may = gate(grounds, clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            async with mcp.running():
                yield
        finally:
            workers.close()
            readiness.close()

    app = FastAPI(
        title="Freshline",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        dependencies=[Depends(known_parameters)],
    )
    _guard(app, deps)
    handle_problems(app)
    app.include_router(answer_routes(parts, workers, Waits(grounds, clock, deps.request_timeout_s), may))
    app.include_router(source_routes(parts, cursors, may))
    app.include_router(freshness_routes(grounds, clock, may("freshness"), may("audit"), deps.counting))
    app.include_router(decision_routes(parts.recorder, may("decide"), may("audit"), cursors, workers))
    if deps.push:
        app.include_router(updates_routes(deps.push, deps.verify, may))
    if deps.hooks:
        app.include_router(webhook_routes(deps.hooks, may))
    app.include_router(service_routes(grounds, clock, readiness))
    mcp = mcp_endpoint(app, deps.manners.hosts, deps.manners.origins)
    app.router.routes.append(mcp.route())
    document(app)
    return app


def _guard(app: FastAPI, deps: Deps) -> None:
    """What every request passes, the last that is added first."""
    manners = deps.manners
    keeper = Keeper(deps.verify, RateLimits(manners.rates), deps.request_timeout_s, manners.most_body_bytes)
    app.add_middleware(Door, keeper=keeper)
    if manners.origins:
        app.add_middleware(CORSMiddleware, **cross_origin(manners.origins))
    app.add_middleware(SecureHeaders)
