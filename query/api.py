"""The REST API: one question in, one answer out. Who asks comes from the token alone."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer

from query.asker import Asker, Circumstances, Operation
from query.authorize import require_current
from query.capabilities.reach import reachable, require
from query.clock import Clock
from query.decisions.routes import decision_routes
from query.door import Door, Verify
from query.explain import Explanation
from query.explain_record import explain_to
from query.policies.vocabulary import OF_RECORDS
from query.problems import documented, handle_problems
from query.search import Parts, answer
from query.status import statuses
from query.workers import Workers
from schemas.answer import Answer, Asked, Problem, Question, SourceStatus
from schemas.errors import Forbidden, Unauthenticated

NOBODY = "readiness/probe/-"
"""A record id no source makes: asking for it shows that the index answers."""


@dataclass(frozen=True, slots=True)
class Deps:
    """What the API needs from outside; `request_timeout_s` is for a whole request."""

    parts: Parts
    verify: Verify
    request_timeout_s: float


def asker(request: Request) -> Asker:
    """Who the door let in; nobody gets here without it."""
    who = getattr(request.state, "asker", None)
    if not isinstance(who, Asker):
        raise Unauthenticated()
    return who


def circumstances(request: Request, clock: Clock, purpose: str = "") -> Circumstances:
    """Of this request. The address is the connection's: what a header says of it is not believed."""
    host = request.client.host if request.client else ""
    try:
        address = str(ip_address(host))
    except ValueError:
        address = ""
    return Circumstances(clock().wall_ms, purpose, address)


def gate(parts: Parts) -> Callable[[Operation], Callable[[Request], Asker]]:
    """For each operation a dependency: who the door let in, if its token, and for what shows no record the policies,
    allow the operation."""

    def may(operation: Operation) -> Callable[[Request], Asker]:
        def permitted(request: Request) -> Asker:
            who = asker(request)
            require(who, operation)
            about = circumstances(request, parts.clock)
            if operation in OF_RECORDS or parts.grounds.policies.permits(who, operation, about).permitted:
                return who
            raise Forbidden(f"no policy permits {operation} to you, now and from here")

        return permitted

    return may


_SECURED = [
    Depends(
        HTTPBearer(auto_error=False, description="A token by `freshline tokens mint`, or of the identity provider.")
    )
]


def create_app(deps: Deps) -> FastAPI:
    """The application. It holds threads of its own, which end with its lifespan."""
    parts, grounds, workers = deps.parts, deps.parts.grounds, Workers()
    may = gate(parts)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()

    app = FastAPI(
        title="Freshline", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.add_middleware(Door, verify=deps.verify, timeout_s=deps.request_timeout_s)
    handle_problems(app)

    @app.post("/v1/search", responses=documented(401, 403, 413, 422, 500, 503), dependencies=_SECURED)
    async def search(question: Question, request: Request, who: Annotated[Asker, Depends(may("search"))]) -> Answer:
        """The best permitted records, with how fresh each source is. On record under the answer's id."""
        about = circumstances(request, parts.clock, question.purpose)
        return await workers.run(answer, parts, who, about, question)

    @app.post("/v1/explain", responses=documented(401, 403, 404, 413, 422, 500, 503), dependencies=_SECURED)
    async def explanation(
        asked: Asked, request: Request, who: Annotated[Asker, Depends(may("explain"))]
    ) -> Explanation:
        """Why you see a record. One that you do not see looks the same as one that does not exist."""
        about = circumstances(request, parts.clock, asked.purpose)
        return await workers.run(explain_to, parts, who, about, asked.record_id)

    @app.get("/v1/freshness", responses=documented(401, 403, 500, 503), dependencies=_SECURED)
    async def freshness(who: Annotated[Asker, Depends(may("freshness"))]) -> list[SourceStatus]:
        """How far each source is searchable."""
        shown = [grounds.contracts[source] for source in reachable(who.mandate, grounds.contracts)]
        return statuses(shown, grounds.view, grounds.lag_limit_s, parts.clock().wall_ms)

    app.include_router(decision_routes(parts.recorder, may("decide"), may("audit")))

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process is alive. Says nothing of the parts it needs."""
        return {"status": "alive"}

    @app.get("/readyz", responses=documented(503))
    async def readyz() -> dict[str, str]:
        """Questions can be answered: the permission view is current and the index answers."""
        require_current(grounds.view, grounds.lag_limit_s, parts.clock())
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
