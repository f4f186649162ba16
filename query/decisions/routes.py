"""`/v1/decisions`: agents post what they did, and read their own records."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Response

from query.asker import Asker
from query.decisions.recorder import Recorder
from query.gateway.cursor import Cursors
from query.gateway.gate import SECURED, May
from query.gateway.idempotency import idempotency_key
from query.gateway.refusals import InvalidCursor
from query.gateway.routes import Cursor, Limit
from query.problems import documented
from query.workers import Workers
from schemas.decision import AnswerRecord, Decision, DecisionRecord, Recorded
from schemas.record import DecisionPage

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Of an answer or a decision.")]
Key = Annotated[str | None, Depends(idempotency_key)]
KIND = "decisions"
JSON = "application/json"


def decision_routes(
    recorder: Recorder, may_decide: May, may_read: May, cursors: Cursors, workers: Workers
) -> APIRouter:
    """The routes. `may_decide`, `may_read`: dependencies that give the asker, if its mandate has `decide`, `audit`."""
    router = APIRouter(dependencies=SECURED, tags=["decisions"])

    @router.post("/v1/decisions", status_code=201, responses=documented(401, 403, 409, 413, 422, 500, 503))
    async def record_decision(decision: Decision, asker: Annotated[Asker, Depends(may_decide)], key: Key) -> Recorded:
        """Put on record what an agent did with answers of its own. It is kept before the reply leaves."""
        tenant = asker.principal.tenant
        return Recorded(id=await workers.run_for(tenant, recorder.record_decision, asker, decision, key))

    listed: dict[int | str, dict[str, Any]] = {200: {"model": DecisionPage}}

    @router.get("/v1/decisions", responses=listed | documented(401, 403, 422, 500, 503))
    async def list_decisions(
        asker: Annotated[Asker, Depends(may_read)], limit: Limit = 20, cursor: Cursor = None
    ) -> Response:
        """The asker's own records, newest first, each as when it is read alone."""
        before = None if cursor is None else cursors.open(KIND, asker.principal, None, cursor)
        if before is not None and not isinstance(before, int):
            raise InvalidCursor()
        records, rest = await workers.run_for(asker.principal.tenant, recorder.newest, asker, before, limit)
        more = None if rest is None else cursors.seal(KIND, asker.principal, None, rest)
        page = {"records": [orjson.Fragment(record) for record in records], "next_cursor": more}
        return Response(orjson.dumps(page), media_type=JSON)

    described: dict[int | str, dict[str, Any]] = {200: {"model": AnswerRecord | DecisionRecord}}

    @router.get("/v1/decisions/{record_id}", responses=described | documented(401, 403, 404, 422, 500, 503))
    async def read_decision(record_id: Id, asker: Annotated[Asker, Depends(may_read)]) -> Response:
        """One of the asker's own records, without `withheld`. Others', erased and absent ones look the same."""
        found = await workers.run_for(asker.principal.tenant, recorder.own, asker, record_id)
        return Response(found, media_type=JSON)

    return router
