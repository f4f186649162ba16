"""Demands in the whole flow: over the API, with the refusal on record, and no thread held by who waits."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from query.api import Deps, create_app
from query.asker import Asker, Mandate
from query.principal import Principal
from schemas.answer import Answer
from schemas.label import Label

ALICE = Asker(Principal("alice@acme.example", "acme"))
OWN = Label(tenant="acme", readers=("user:alice@acme.example",))


@pytest.fixture
async def ask(company) -> AsyncIterator[Any]:
    company.put("helpdesk/tickets/1", "printer on fire", OWN)
    tokens = {"all": ALICE, "wiki": Asker(ALICE.principal, Mandate(sources=frozenset({"wiki"})))}
    app = create_app(Deps(company.parts(), tokens.__getitem__, request_timeout_s=60))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:

        async def ask(token: str = "all", **asked: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}"}
            return await client.post("/v1/search", json={"query": "printer", **asked}, headers=headers)

        yield ask


async def waited(company: Any, count: int) -> None:
    """Until so many questions wait."""
    async with asyncio.timeout(10):
        while len(company.view._woken) < count:
            await asyncio.sleep(0)


def last_record(company: Any) -> dict[str, Any]:
    return json.loads(company.decisions.entries[-1].envelope)


async def test_a_question_waits_for_its_write_and_then_sees_it(company, ask, beat) -> None:
    asked = asyncio.create_task(ask(after={"helpdesk": "0/20"}, wait_seconds=20))
    await waited(company, 1)
    company.put("helpdesk/tickets/2", "printer on fire again", OWN)
    company.pass_time(1)
    beat("helpdesk", lsn=0x20)
    answer = Answer.model_validate_json((await asyncio.wait_for(asked, 10)).content)
    assert {hit.record_id for hit in answer.hits} == {"helpdesk/tickets/1", "helpdesk/tickets/2"}
    assert answer.sources[0].position == "0/20"


async def test_who_waits_holds_no_thread(company, ask, beat) -> None:
    """More wait than there are threads and places for one tenant's questions; another question is answered at once."""
    waiting = [asyncio.create_task(ask(after={"helpdesk": "0/20"}, wait_seconds=20)) for _ in range(40)]
    await waited(company, 40)
    assert (await asyncio.wait_for(ask(), 10)).status_code == 200
    assert not any(task.done() for task in waiting)
    company.pass_time(1)
    beat("helpdesk", lsn=0x20)
    replies = await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert {reply.status_code for reply in replies} == {200}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"after": {"helpdesk": "FFFFFFFF/0"}, "wait_seconds": 0}, "not_yet_searchable"),
        ({"max_staleness_seconds": 1, "on_stale": "fail"}, "too_stale"),
        ({"max_staleness_seconds": 1, "on_stale": "wait", "wait_seconds": 0.01}, "too_stale"),
    ],
)
async def test_what_is_not_met_is_a_503_with_its_code_and_on_record(company, ask, asked: Any, code: str) -> None:
    company.pass_time(3)
    reply = await ask(**asked)
    assert (reply.status_code, reply.json()["code"]) == (503, code)
    assert reply.headers["retry-after"]
    assert "printer" not in reply.text
    assert last_record(company)["status"] == code


async def test_staleness_that_is_flagged_is_in_the_answer(company, ask) -> None:
    company.pass_time(3)
    answer = Answer.model_validate_json((await ask(max_staleness_seconds={"helpdesk": 1, "wiki": 5})).content)
    assert answer.stale
    assert [source.verdict for source in answer.sources] == ["beyond", "within"]
    assert answer.hits


async def test_a_source_that_falls_behind_during_the_search_is_refused_at_the_end(company, ask, monkeypatch) -> None:
    search = company.store.search

    def slow(*args: Any, **named: Any) -> Any:
        company.pass_time(2)
        return search(*args, **named)

    monkeypatch.setattr(company.store, "search", slow)
    reply = await ask(max_staleness_seconds=1, on_stale="fail")
    assert reply.json()["code"] == "too_stale"


@pytest.mark.parametrize("asked", [{"after": {"helpdesk": "0/1"}}, {"max_staleness_seconds": {"helpdesk": 1}}])
async def test_a_source_beyond_the_token_is_one_that_does_not_exist(company, ask, asked: Any) -> None:
    reply = await ask("wiki", **asked)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_question")
    assert reply.json()["detail"] == "unknown source 'helpdesk'; known sources: wiki"
    assert last_record(company)["status"] == "invalid_question"
