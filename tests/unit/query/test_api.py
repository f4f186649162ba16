import logging
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from index.hash_embedder import HashEmbedder
from query.api import Deps, create_app
from query.principal import Principal
from query.search import Live, Parts
from query.tokens import key_id, mint, verify
from schemas.answer import Answer, Problem
from schemas.errors import IndexUnavailable
from schemas.label import Label

KEY = Ed25519PrivateKey.generate()
KEYS = {key_id(KEY.public_key()): KEY.public_key()}
NOW = 1_800_000_000.0
OWN = Label(tenant="acme", readers=("user:alice@acme.example",))
TIMEOUT_S = 3.0
Client = httpx.AsyncClient


def token(who: Principal, audience: str = "freshline") -> str:
    return mint(KEY, who, audience, 60, NOW)


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Client]]:
    clients: list[Client] = []

    def serve(parts: Parts, bearer: str | None = None) -> Client:
        app = create_app(Deps(parts, lambda token: verify(token, KEYS, "freshline", NOW), TIMEOUT_S))
        headers = {"Authorization": f"Bearer {bearer}"} if bearer is not None else {}
        transport = httpx.ASGITransport(app)
        clients.append(Client(transport=transport, base_url="http://api", headers=headers))
        return clients[-1]

    yield serve
    for client in clients:
        await client.aclose()


@pytest.fixture
def client(serve, company, alice: Principal) -> Client:
    company.put("helpdesk/tickets/1", "printer on fire", OWN)
    return serve(company.parts(), token(alice))


def problem(reply: httpx.Response) -> tuple[int, str]:
    """Status and code; every error must be a whole problem document."""
    assert reply.headers["content-type"] == "application/problem+json"
    found = Problem.model_validate_json(reply.content)
    assert found.status == reply.status_code
    assert found.type == f"urn:freshline:problem:{found.code}"
    return found.status, found.code


async def test_a_question_with_a_token_gets_its_answer(client: Client) -> None:
    reply = await client.post("/v1/search", json={"query": "printer on fire"})
    assert reply.status_code == 200
    given = Answer.model_validate_json(reply.content)
    assert [hit.record_id for hit in given.hits] == ["helpdesk/tickets/1"]
    assert [source.state for source in given.sources] == ["fresh", "fresh"]


async def test_denied_looks_the_same_as_absent(client: Client, serve, company, bob: Principal) -> None:
    stranger = serve(company.parts(), token(bob))
    denied = (await stranger.post("/v1/search", json={"query": "printer on fire"})).json()
    absent = (await stranger.post("/v1/search", json={"query": "unicorns"})).json()
    assert denied["hits"] == absent["hits"] == []
    assert {**denied, "timings": 0, "id": 0} == {**absent, "timings": 0, "id": 0}


BAD = ["", "alice", "a.b.c", token(Principal("alice", "acme"), audience="billing")]


@pytest.mark.parametrize("path", ["/v1/search", "/v1/freshness", "/v1/nothing", "/docs"])
@pytest.mark.parametrize("bearer", [None, *BAD])
async def test_without_a_valid_token_every_path_says_the_same(serve, company, path: str, bearer: str | None) -> None:
    reply = await serve(company.parts(), bearer).post(path, content=b"{ not json")
    assert problem(reply) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.json()["detail"] == "A valid token is required."


async def test_two_tokens_are_none(client: Client) -> None:
    good = client.headers["authorization"]
    headers = [("Authorization", good), ("Authorization", good)]
    client.headers.pop("authorization")
    assert problem(await client.get("/v1/freshness", headers=headers)) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "the body is no JSON: a mistake at character 1"),
        (b"[" * 50_000, ""),
        (b"{}", "query: Field required"),
        (b'{"query": ""}', "query: "),
        (b'{"query": "   "}', "must hold some text"),
        (b'{"query": "\\ud800"}', "query"),
        (b'{"query": "x", "principal": "user:bob"}', "principal: "),
        (b'{"query": "x", "\\ud800": 1}', ""),
        (b'{"query": "x", "limit": 51}', "limit: "),
        (b'{"query": "x", "half_life_seconds": 0}', "half_life_seconds: "),
        (b'{"query": "x", "half_life_seconds": NaN}', "half_life_seconds: "),
        (b'{"query": "x", "sources": ["jira"]}', "known sources: helpdesk, wiki"),
    ],
)
async def test_a_bad_question_is_refused_in_words(client: Client, body: bytes, words: str) -> None:
    reply = await client.post("/v1/search", content=body, headers={"content-type": "application/json"})
    status, code = problem(reply)
    assert (status, code) in {(422, "invalid_question"), (400, "bad_request")}
    assert words in reply.json()["detail"]


async def test_a_refused_question_is_not_echoed(client: Client) -> None:
    reply = await client.post("/v1/search", json={"query": "my secret " * 300})
    assert problem(reply) == (422, "invalid_question")
    assert "secret" not in reply.text


async def test_a_body_beyond_the_limit_is_not_read(client: Client) -> None:
    sent = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            sent.append(1)
            yield b"x" * 10_000

    assert problem(await client.post("/v1/search", content=endless())) == (413, "body_too_large")
    assert len(sent) < 10


async def test_unknown_paths_and_methods_are_problems_too(client: Client) -> None:
    assert problem(await client.get("/v1/nothing")) == (404, "not_found")
    wrong = await client.get("/v1/search")
    assert problem(wrong) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"


async def test_freshness_tells_each_source(client: Client) -> None:
    reply = await client.get("/v1/freshness")
    assert [(s["source"], s["state"], s["lag_ms"]) for s in reply.json()] == [
        ("helpdesk", "fresh", 0),
        ("wiki", "fresh", 0),
    ]


class Broken:
    """A store that fails as told."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self.do = do

    def search(self, *_: object) -> Any:
        return self.do()

    held = search


def failing(error: Exception) -> Broken:
    def do() -> None:
        raise error

    return Broken(do)


async def test_an_index_that_is_away_is_a_503_with_its_code(client, serve, company, alice: Principal) -> None:
    away = serve(replace(company.parts(), live=lambda: Live(HashEmbedder(), failing(IndexUnavailable()))), token(alice))
    reply = await away.post("/v1/search", json={"query": "x"})
    assert problem(reply) == (503, "index_unavailable")
    assert reply.headers["retry-after"] == "1"
    assert problem(await away.get("/readyz")) == (503, "index_unavailable")
    assert (await away.get("/healthz")).json() == {"status": "alive"}


async def test_a_stale_permission_view_is_a_503_until_it_caught_up(client: Client, company) -> None:
    company.pass_time(16)
    company.beat("helpdesk", "wiki")
    assert problem(await client.post("/v1/search", json={"query": "x"})) == (503, "permissions_unknown")
    assert problem(await client.get("/readyz")) == (503, "permissions_unknown")
    company.view.caught_up(company.now.steady)
    assert (await client.post("/v1/search", json={"query": "x"})).status_code == 200
    assert (await client.get("/readyz")).json() == {"status": "ready"}


async def test_a_failure_inside_says_nothing_outside_and_no_rows_in_the_log(
    client, serve, company, alice: Principal, caplog: pytest.LogCaptureFixture
) -> None:
    broken = serve(
        replace(company.parts(), live=lambda: Live(HashEmbedder(), failing(KeyError("card 4711")))), token(alice)
    )
    with caplog.at_level(logging.INFO):
        reply = await broken.post("/v1/search", json={"query": "x"})
    assert problem(reply) == (500, "internal_error")
    assert "4711" not in reply.text + caplog.text
    assert "KeyError" in caplog.text


async def test_an_answer_that_takes_too_long_is_given_up(client, serve, company, alice: Principal) -> None:
    gate = threading.Event()
    slow = serve(
        replace(company.parts(), live=lambda: Live(HashEmbedder(), Broken(lambda: gate.wait(10) and []))), token(alice)
    )
    reply = await slow.post("/v1/search", json={"query": "x"})
    gate.set()
    assert problem(reply) == (503, "timed_out")


async def test_the_log_has_neither_query_nor_token(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="freshline.query"):
        await client.post("/v1/search", json={"query": "secretquery"})
        await client.get("/v1/sources?note=secretpath")
        await client.get("/v1/line%0Abreak")
    lines = [record.getMessage() for record in caplog.records if record.name == "freshline.query"]
    assert [line.rsplit(" ", 2)[0] for line in lines] == [
        "POST '/v1/search' 200",
        "GET '/v1/sources' 422",
        "GET '/v1/line\\nbreak' 404",
    ]


async def test_openapi_tells_the_errors_and_where_the_token_goes(client: Client) -> None:
    client.headers.pop("authorization")
    document = (await client.get("/openapi.json")).json()
    search = document["paths"]["/v1/search"]["post"]
    told = {"200", "400", "401", "403", "413", "415", "422", "429", "500", "503"}
    assert set(search["responses"]) == told
    schema = search["responses"]["401"]["content"]["application/problem+json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Problem"}
    assert document["components"]["schemas"]["Problem"]["properties"]["code"]
    assert search["security"] == [{"HTTPBearer": []}]
