"""The client against the real API, in one process: what one sends the other reads, and the other way round."""

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from query.api import Deps, create_app
from query.client import AsyncClient
from query.client.errors import InvalidQuestion, KeyReused, Unauthenticated, UnknownRecord
from query.principal import Principal
from query.tokens import key_id, mint, verify
from schemas.label import Label

KEY = Ed25519PrivateKey.generate()
KEYS = {key_id(KEY.public_key()): KEY.public_key()}
NOW = 1_800_000_000.0
OWN = Label(tenant="acme", readers=("user:alice@acme.example",))
ROW = "helpdesk/helpdesk.rows/"


@pytest.fixture
async def api(company, alice: Principal):
    """Alice's client; three records are hers."""
    for number in (1, 2, 3):
        company.put(f"{ROW}{number}", f"printer {number} is on fire", OWN, age_s=number)
    app = create_app(Deps(company.parts(), lambda token: verify(token, KEYS, "freshline", NOW), 5.0))
    token = mint(KEY, alice, "freshline", 60, NOW)
    async with AsyncClient("http://api", token, transport=httpx.ASGITransport(app)) as client:
        yield client


async def test_what_is_found_is_read_whole_and_explained(api: AsyncClient) -> None:
    answer = await api.search("printer 2 is on fire", limit=1)
    assert [hit.record_id for hit in answer.hits] == [f"{ROW}2"]
    record = await api.record(f"{ROW}2")
    assert [chunk.text for chunk in record.chunks] == ["printer 2 is on fire"]
    assert record.position == answer.hits[0].position
    assert (await api.explain(f"{ROW}2")).verdict == "visible"


@pytest.mark.parametrize("name", [f"{ROW}9", "..", "a/../../v1/sources", "ä ?#%2F"])
async def test_what_is_not_there_is_unknown_whatever_its_name(api: AsyncClient, name: str) -> None:
    with pytest.raises(UnknownRecord):
        await api.record(name)


async def test_decisions_are_on_record_once_for_a_key_and_read_back(api: AsyncClient) -> None:
    answer = await api.search("printer")
    first = await api.decide(answers=[answer.id], outcome="completed", idempotency_key="mine")
    assert await api.decide(answers=[answer.id], outcome="completed", idempotency_key="mine") == first
    with pytest.raises(KeyReused):
        await api.decide(answers=[answer.id], outcome="declined", idempotency_key="mine")
    assert (await api.decision(first.id)).id == first.id
    pages = [page async for page in api.decision_pages(limit=1)]
    assert [record.id for page in pages for record in page.records] == [first.id, answer.id]


async def test_sources_and_their_freshness_are_told(api: AsyncClient) -> None:
    pages = [page async for page in api.source_pages(limit=1)]
    assert [one.source for page in pages for one in page.sources] == ["helpdesk", "wiki"]
    assert {one.source: one.state for one in await api.freshness()} == {"helpdesk": "fresh", "wiki": "fresh"}


async def test_a_cursor_of_another_question_is_refused(api: AsyncClient) -> None:
    with pytest.raises(InvalidQuestion):
        await api.search("printer", cursor="made up")


async def test_a_refusal_of_the_api_is_raised_as_it_was(api: AsyncClient) -> None:
    with pytest.raises(InvalidQuestion, match="known sources"):
        await api.search("printer", sources=["jira"])
    async with AsyncClient("http://api", "nonsense", transport=api._http._transport) as stranger:
        with pytest.raises(Unauthenticated):
            await stranger.freshness()
