"""`/v1/decisions`: agents post what they did, and read their own records."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from fastapi.security import HTTPBearer

from query.asker import Asker
from query.decisions.recorder import Recorder
from query.problems import documented
from schemas.decision import AnswerRecord, Decision, DecisionRecord, Recorded

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


def decision_routes(recorder: Recorder, may_decide: Callable[..., Asker], may_read: Callable[..., Asker]) -> APIRouter:
    """The routes. `may_decide`, `may_read`: dependencies that give the asker, if its mandate has `decide`, `audit`."""
    router = APIRouter(dependencies=[Depends(HTTPBearer(auto_error=False))])

    @router.post("/v1/decisions", status_code=201, responses=documented(401, 403, 413, 422, 500, 503))
    def decide(decision: Decision, asker: Annotated[Asker, Depends(may_decide)]) -> Recorded:
        """Put on record what an agent did with answers of its own. It is kept before the reply leaves."""
        return Recorded(id=recorder.record_decision(asker, decision))

    described: dict[int | str, dict[str, Any]] = {200: {"model": AnswerRecord | DecisionRecord}}

    @router.get("/v1/decisions/{record_id}", responses=described | documented(401, 403, 404, 422, 500, 503))
    def read(record_id: Id, asker: Annotated[Asker, Depends(may_read)]) -> Response:
        """One of the asker's own records, without `withheld`. Others', erased and absent ones look the same."""
        return Response(recorder.own(asker, record_id), media_type="application/json")

    return router
