"""The agents' side of decision records, over HTTP."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from decision_stage import asker, record, recorder
from fastapi import FastAPI

from query.asker import Asker
from query.decisions.memory import MemoryDecisions
from query.decisions.recorder import Recorder
from query.decisions.routes import decision_routes
from query.gateway.cursor import Cursors
from query.problems import handle_problems
from query.workers import Workers
from schemas.errors import Unauthenticated

Client = httpx.AsyncClient


@pytest.fixture
def made() -> Recorder:
    return recorder(MemoryDecisions())


@pytest.fixture
async def client(made: Recorder) -> AsyncIterator[Callable[[Asker], Client]]:
    """A client for an asker whose mandate allows to decide, and to read unless she is Mallory."""
    clients: list[Client] = []
    workers = Workers()

    def connect(who: Asker) -> Client:
        def may_read() -> Asker:
            if who.principal.subject.startswith("mallory"):
                raise Unauthenticated()
            return who

        app = FastAPI()
        handle_problems(app)
        app.include_router(decision_routes(made, lambda: who, may_read, Cursors(made.secret("cursors")), workers))
        clients.append(Client(transport=httpx.ASGITransport(app), base_url="http://api"))
        return clients[-1]

    yield connect
    for one in clients:
        await one.aclose()
    workers.close()


def decision(*answers: str, **more: Any) -> dict[str, Any]:
    return {"answers": list(answers), "outcome": "completed", **more}


async def test_what_an_agent_posts_can_be_read_back_by_it_alone(client, made: Recorder) -> None:
    answer_id = record(made)
    body = decision(
        answer_id,
        model="m-1",
        reasoning="r",
        tool_calls=[{"name": "refund", "arguments": '{"id": 7}', "result": "ok"}],
        output="refunded",
        overrides=[{"what": "amount", "by": "user:carol", "why": "too much"}],
        tokens_in=900,
        tokens_out=80,
        cost="0.0042",
        currency="EUR",
    )
    posted = await client(asker()).post("/v1/decisions", json=body)
    assert posted.status_code == 201
    path = f"/v1/decisions/{posted.json()['id']}"
    read = (await client(asker()).get(path)).json()
    assert read["decision"] == body
    assert read["who"]["subject"] == "alice@acme.example"
    assert (await client(asker()).get(f"/v1/decisions/{answer_id}")).json()["status"] == "answered"
    absent = await client(asker()).get(f"/v1/decisions/{'0' * 32}")
    foreign = await client(asker("bob")).get(path)
    assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
    assert absent.json()["code"] == "unknown_record"


async def test_a_decision_on_anothers_answer_is_refused(client, made: Recorder) -> None:
    reply = await client(asker("bob")).post("/v1/decisions", json=decision(record(made)))
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_question")


@pytest.mark.parametrize(
    "wrong",
    [
        {"answers": []},
        {"answers": ["0" * 32] * 51},
        {"answers": ["' OR 1=1"]},
        {"outcome": "whatever"},
        {"reasoning": "x" * 20_001},
        {"output": "x" * 20_001},
        {"tool_calls": [{"name": "x"}] * 101},
        {"tool_calls": [{"name": "x" * 201}]},
        {"overrides": [{"what": "x", "by": "y"}] * 51},
        {"tokens_in": -1},
        {"cost": -1},
        {"cost": "NaN"},
        {"currency": "euro"},
        {"who": {"subject": "mallory"}},
    ],
    ids=str,
)
async def test_a_decision_beyond_its_limits_or_naming_its_maker_is_refused(client, made, wrong) -> None:
    reply = await client(asker()).post("/v1/decisions", json={**decision(record(made)), **wrong})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_question")


async def test_who_may_decide_need_not_be_allowed_to_read(client, made: Recorder) -> None:
    mallory = asker("mallory")
    posted = await client(mallory).post("/v1/decisions", json=decision(record(made, mallory)))
    assert posted.status_code == 201
    assert (await client(mallory).get(f"/v1/decisions/{posted.json()['id']}")).status_code == 401
