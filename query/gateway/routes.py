"""The routes that show records: search, one record, why it is visible, and what there is to search."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from query.asker import Asker
from query.explain import Explanation
from query.explain_record import explain_to
from query.freshness.waits import Waits
from query.gateway.cursor import MOST, Cursors
from query.gateway.gate import SECURED, Gate, circumstances
from query.gateway.records import record_for
from query.gateway.sources import sources_for
from query.problems import documented
from query.search import Parts, answer
from query.workers import Workers
from schemas.answer import Answer, Asked, Question
from schemas.record import Record, SourcePage

RecordId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=2_000,
        description="As in a hit, percent-encoded once more as one segment of the path.",
        examples=["crm/sales.accounts/42"],
    ),
]
Purpose = Annotated[str, Query(max_length=200, description="What it is for: policies may ask for it.")]
Limit = Annotated[int, Query(ge=1, le=100, description="The most that one page has.")]
Cursor = Annotated[str | None, Query(max_length=MOST, description="`next_cursor` of the page before.")]


def answer_routes(parts: Parts, workers: Workers, waits: Waits, may: Gate) -> APIRouter:
    """Answers of records. Each is on record before it leaves."""
    router = APIRouter(dependencies=SECURED, tags=["answers"])

    @router.post("/v1/search", responses=documented(401, 403, 413, 422, 500, 503))
    async def search(question: Question, request: Request, who: Annotated[Asker, Depends(may("search"))]) -> Answer:
        """The best permitted records, with how fresh each source is. On record under the answer's id."""
        about = circumstances(request, parts.clock, question.purpose)
        await waits.wait_for(who, question)
        return await workers.run_for(who.principal.tenant, answer, parts, who, about, question)

    @router.get("/v1/records/{record_id:path}", responses=documented(401, 403, 404, 422, 500, 503))
    async def get_record(
        record_id: RecordId, request: Request, who: Annotated[Asker, Depends(may("get"))], purpose: Purpose = ""
    ) -> Record:
        """One record, whole. One that you do not see looks the same as one that does not exist."""
        about = circumstances(request, parts.clock, purpose)
        return await workers.run_for(who.principal.tenant, record_for, parts, who, about, record_id)

    @router.post("/v1/explain", responses=documented(401, 403, 404, 413, 422, 500, 503))
    async def explain(asked: Asked, request: Request, who: Annotated[Asker, Depends(may("explain"))]) -> Explanation:
        """Why you see a record. One that you do not see looks the same as one that does not exist."""
        about = circumstances(request, parts.clock, asked.purpose)
        return await workers.run_for(who.principal.tenant, explain_to, parts, who, about, asked.record_id)

    return router


def source_routes(parts: Parts, cursors: Cursors, may: Gate) -> APIRouter:
    """What there is to search."""
    router = APIRouter(dependencies=SECURED, tags=["sources"])

    @router.get("/v1/sources", responses=documented(401, 403, 422, 500, 503))
    async def list_sources(
        who: Annotated[Asker, Depends(may("freshness"))], limit: Limit = 50, cursor: Cursor = None
    ) -> SourcePage:
        """The sources within the token's reach: tables, metadata columns, and how freshness counts. A token that
        allows `freshness` may ask."""
        return sources_for(parts.grounds.contracts, cursors, who, limit, cursor)

    return router
