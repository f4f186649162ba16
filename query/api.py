"""The REST API: one question in, one answer out. Who asks comes from the token alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer

from query.authorize import require_current
from query.door import Door, Verify
from query.principal import Principal
from query.problems import documented, handle_problems
from query.search import Parts, answer
from query.status import statuses
from query.workers import Workers
from schemas.answer import Answer, Problem, Question, SourceStatus
from schemas.errors import Unauthenticated

NOBODY = "readiness/probe/-"
"""A record id no source makes: asking for it shows that the index answers."""


@dataclass(frozen=True, slots=True)
class Deps:
    """What the API needs from outside; `request_timeout_s` is for a whole request."""

    parts: Parts
    verify: Verify
    request_timeout_s: float


def asker(request: Request) -> Principal:
    """Who the door let in; nobody gets here without it."""
    principal = getattr(request.state, "principal", None)
    if not isinstance(principal, Principal):
        raise Unauthenticated()
    return principal


Asker = Annotated[Principal, Depends(asker)]
_SECURED = [Depends(HTTPBearer(auto_error=False, description="A token by `freshline tokens mint`."))]


def create_app(deps: Deps) -> FastAPI:
    """The application. It holds threads of its own, which end with its lifespan."""
    parts, workers = deps.parts, Workers()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()

    app = FastAPI(title="Freshline", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(Door, verify=deps.verify, timeout_s=deps.request_timeout_s)
    handle_problems(app)

    @app.post("/v1/search", responses=documented(401, 413, 422, 500, 503), dependencies=_SECURED)
    async def search(question: Question, principal: Asker) -> Answer:
        """The best permitted records, with how fresh each source is."""
        return await workers.run(answer, parts, principal, question)

    @app.get("/v1/freshness", responses=documented(401, 500, 503), dependencies=_SECURED)
    async def freshness(_: Asker) -> list[SourceStatus]:
        """How far each source is searchable."""
        return statuses(parts.contracts.values(), parts.view, parts.lag_limit_s, parts.clock().wall_ms)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process is alive. Says nothing of the parts it needs."""
        return {"status": "alive"}

    @app.get("/readyz", responses=documented(503))
    async def readyz() -> dict[str, str]:
        """Questions can be answered: the permission view is current and the index answers."""
        require_current(parts.view, parts.lag_limit_s, parts.clock())
        await workers.run(lambda: parts.live().store.held([NOBODY]))
        return {"status": "ready"}

    _document(app)
    return app


def _document(app: FastAPI) -> None:
    """The OpenAPI document, with the shape of every error."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            schema["components"]["schemas"]["Problem"] = Problem.model_json_schema()
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
