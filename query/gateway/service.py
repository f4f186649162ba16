"""The routes that need no token: is the process alive, can it answer."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from query.authorize import Grounds, require_current
from query.clock import Clock
from query.gateway.readiness import Readiness
from query.problems import documented


class Alive(BaseModel):
    """What a probe is told."""

    model_config = ConfigDict(frozen=True)

    status: str


def service_routes(grounds: Grounds, clock: Clock, readiness: Readiness) -> APIRouter:
    router = APIRouter(tags=["service"])

    @router.get("/healthz")
    async def healthz() -> Alive:
        """The process is alive. Says nothing of the parts it needs."""
        return Alive(status="alive")

    @router.get("/readyz", responses=documented(503))
    async def readyz() -> Alive:
        """Questions can be answered: the permission view is current and the index answers."""
        require_current(grounds.view, grounds.lag_limit_s, clock())
        await readiness.ready()
        return Alive(status="ready")

    return router
