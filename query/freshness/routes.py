"""`GET /v1/freshness`: how far each source is, for who asks and for who operates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from query.asker import Asker
from query.authorize import Grounds
from query.capabilities.reach import reachable
from query.clock import Clock
from query.freshness.counts import Counts, with_counts
from query.gateway.gate import SECURED, May
from query.problems import documented
from query.status import statuses
from schemas.answer import SourceFreshness
from schemas.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts are over all tenants, so they tell one tenant of another: only askers of the operators' tenants get them.

    None, and no tenants, mean nobody does.
    """

    latest: Callable[[], Mapping[str, Counts]] | None = None
    tenants: frozenset[str] = frozenset()


def freshness_routes(grounds: Grounds, clock: Clock, may_watch: May, may_audit: May, counting: Counting) -> APIRouter:
    """The route. `may_watch`, `may_audit`: give the asker, if it may `freshness`, `audit`."""
    router = APIRouter(dependencies=SECURED, tags=["sources"])

    def counts_for(who: Asker, request: Request) -> Mapping[str, Counts]:
        if counting.latest is None or who.principal.tenant not in counting.tenants:
            return {}
        try:
            may_audit(request)
        except Forbidden:
            return {}
        return counting.latest()

    @router.get("/v1/freshness", responses=documented(401, 403, 500, 503))
    def freshness(request: Request, who: Annotated[Asker, Depends(may_watch)]) -> list[SourceFreshness]:
        """How far each source is searchable. Rows, backlog and dead letters are told to operators only."""
        counts = counts_for(who, request)
        shown = [grounds.contracts[source] for source in reachable(who.mandate, grounds.contracts)]
        told = statuses(shown, grounds.view, grounds.lag_limit_s, clock().wall_ms)
        return [with_counts(status, counts.get(status.source, Counts())) for status in told]

    return router
