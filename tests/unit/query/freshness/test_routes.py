"""`GET /v1/freshness`: every asker sees its sources' lag; counts are for operators alone."""

from collections.abc import Mapping

import httpx
import pytest
from fastapi import FastAPI, Request

from query.asker import Asker, Mandate
from query.freshness.counts import Counts
from query.freshness.routes import Counting, freshness_routes
from query.principal import Principal
from query.problems import handle_problems
from schemas.errors import Forbidden

ALICE = Asker(Principal("alice@acme.example", "acme"))
COUNTS = {"helpdesk": Counts(10, 0, {}), "wiki": Counts(20, 1, {"quality": 1})}
SECRET = ("rows", "backlog", "dead_letters", "current_share")


@pytest.fixture
def ask(company):
    async def ask(who: Asker, audits: bool = True, counting: Counting | None = None) -> list[dict[str, object]]:
        def may_audit(_: Request) -> Asker:
            if audits:
                return who
            raise Forbidden()

        def latest() -> Mapping[str, Counts]:
            return COUNTS

        app = FastAPI()
        handle_problems(app)
        chosen = counting or Counting(latest, frozenset({"acme"}))
        app.include_router(freshness_routes(company.grounds, company.clock, lambda: who, may_audit, chosen))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
            reply = await client.get("/v1/freshness")
        assert reply.status_code == 200
        return reply.json()

    return ask


async def test_an_operator_sees_what_each_source_holds_and_what_waits(ask) -> None:
    helpdesk, wiki = await ask(ALICE)
    assert [helpdesk[name] for name in SECRET] == [10, 0, 0, 1.0]
    assert [wiki[name] for name in SECRET] == [20, 1, 1, 0.9]
    assert (wiki["state"], wiki["lag_ms"]) == ("fresh", 0)


@pytest.mark.parametrize("why", ["another tenant", "no audit", "nobody is", "no counts"])
async def test_whoever_is_no_operator_sees_the_lag_and_no_volumes(ask, why: str) -> None:
    who = Asker(Principal("eve@rival.example", "rival")) if why == "another tenant" else ALICE
    counting = {"nobody is": Counting(lambda: COUNTS), "no counts": Counting(None, frozenset({"acme"}))}.get(why)
    for status in await ask(who, audits=why != "no audit", counting=counting):
        assert status["state"] == "fresh"
        assert [status[name] for name in SECRET] == [None] * 4


async def test_sources_beyond_the_token_are_not_told(ask) -> None:
    told = await ask(Asker(ALICE.principal, Mandate(sources=frozenset({"wiki"}))))
    assert [status["source"] for status in told] == ["wiki"]
