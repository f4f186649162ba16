"""What a mandate leaves, seen through the API: operations are forbidden, sources beyond it do not exist."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from capability_stage import names, until

from query.api import Deps, create_app
from query.asker import Asker, Mandate
from query.principal import Principal
from schemas.errors import PermissionsUnknown
from schemas.label import Label

ALICE = Principal("alice@acme.example", "acme")
OWN = Label(tenant="acme", readers=("user:alice@acme.example",))
Client = httpx.AsyncClient


@pytest.fixture
async def ask_with(company) -> AsyncIterator[Callable[[Mandate], Client]]:
    clients: list[Client] = []
    company.put("helpdesk/tickets/1", "printer on fire", OWN)
    company.put("wiki/pages/1", "printer on fire", OWN)

    def client(mandate: Mandate) -> Client:
        app = create_app(Deps(company.parts(), lambda _: Asker(ALICE, mandate), 5.0))
        bearer = {"Authorization": "Bearer any"}
        clients.append(Client(transport=httpx.ASGITransport(app), base_url="http://api", headers=bearer))
        return clients[-1]

    yield client
    for each in clients:
        await each.aclose()


async def test_an_operation_the_token_does_not_allow_is_forbidden_and_says_which_are(ask_with) -> None:
    client = ask_with(until(operations=frozenset({"freshness", "get"})))
    reply = await client.post("/v1/search", json={"query": "printer"})
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert reply.json()["detail"] == "this token does not allow search; it allows: freshness, get"
    assert (await client.get("/v1/freshness")).status_code == 200
    searcher = ask_with(until(operations=frozenset({"search"})))
    assert (await searcher.post("/v1/search", json={"query": "printer"})).status_code == 200
    assert (await searcher.get("/v1/freshness")).status_code == 403


async def test_only_sources_of_the_mandate_are_searched_and_named(ask_with) -> None:
    client = ask_with(until(sources=names("wiki", "elsewhere")))
    given = (await client.post("/v1/search", json={"query": "printer on fire"})).json()
    assert [hit["record_id"] for hit in given["hits"]] == ["wiki/pages/1"]
    assert [status["source"] for status in given["sources"]] == ["wiki"]
    assert [status["source"] for status in (await client.get("/v1/freshness")).json()] == ["wiki"]


async def test_a_source_beyond_the_mandate_looks_like_one_that_nobody_configured(ask_with) -> None:
    client = ask_with(until(sources=names("wiki")))
    said = {}
    for source in ("helpdesk", "jiradesk"):
        reply = await client.post("/v1/search", json={"query": "printer", "sources": ["wiki", source]})
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid_question")
        said[source] = reply.json()["detail"].replace(source, "X")
    assert said["helpdesk"] == said["jiradesk"] == "unknown source 'X'; known sources: wiki"


async def test_an_unnarrowed_token_gets_the_same_words_for_an_unknown_source(ask_with) -> None:
    told = []
    for mandate in (Mandate(), until(sources=names("wiki", "helpdesk"))):
        reply = await ask_with(mandate).post("/v1/search", json={"query": "printer", "sources": ["jira"]})
        told.append((reply.status_code, reply.json()))
    assert told[0] == told[1]


async def test_a_mandate_for_sources_that_are_not_there_names_no_other(ask_with) -> None:
    client = ask_with(until(sources=names("jira")))
    reply = await client.post("/v1/search", json={"query": "printer"})
    assert (reply.status_code, reply.json()["detail"]) == (
        422,
        "no source is asked; known sources: none is configured",
    )
    assert (await client.get("/v1/freshness")).json() == []


async def test_a_door_that_cannot_know_what_is_revoked_says_unavailable(company) -> None:
    def unknown(token: str) -> Asker:
        raise PermissionsUnknown()

    app = create_app(Deps(company.parts(), unknown, 5.0))
    async with Client(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        reply = await client.get("/v1/freshness", headers={"Authorization": "Bearer any"})
    assert (reply.status_code, reply.json()["code"]) == (503, "permissions_unknown")
