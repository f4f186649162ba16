import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from query.api import Deps, create_app
from query.asker import Asker
from query.gateway.manners import Manners
from query.mcp.http import PATH, McpEndpoint
from query.mcp.server import mcp_server
from query.principal import Principal
from query.tokens import key_id, mint, verify
from schemas.errors import IndexUnavailable, Unauthenticated
from schemas.label import Label

KEY = Ed25519PrivateKey.generate()
KEYS = {key_id(KEY.public_key()): KEY.public_key()}
NOW = 1_800_000_000.0
OWN = Label(tenant="acme", readers=("user:alice@acme.example",))
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}
Connect = Callable[[Principal], AbstractAsyncContextManager[Client]]


def bearer(who: Principal) -> dict[str, str]:
    return {"Authorization": f"Bearer {mint(KEY, who, 'freshline', 60, NOW)}"}


@pytest.fixture
def revoked() -> set[str]:
    """Subjects whose tokens no longer count."""
    return set()


@dataclass
class Served:
    """The product's application over the company in memory."""

    app: FastAPI

    def running(self) -> AbstractAsyncContextManager[Any]:
        return self.app.router.lifespan_context(self.app)

    @asynccontextmanager
    async def client(self, who: Principal, mode: Any) -> AsyncIterator[Client]:
        """A client of the SDK over HTTP, without a socket."""
        transport = httpx2.ASGITransport(self.app)
        async with self.running(), httpx2.AsyncClient(transport=transport, headers=bearer(who)) as http:
            over = streamable_http_client("http://localhost:8600/mcp", http_client=http)
            async with Client(over, mode=mode) as client:
                yield client

    async def request(self, method: str = "POST", **options: Any) -> httpx.Response:
        options["headers"] = ACCEPT | options.get("headers", {})
        transport = httpx.ASGITransport(self.app)
        async with self.running(), httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            return await http.request(method, PATH, **options)


Serve = Callable[..., Served]


@pytest.fixture
def serve(company, revoked: set[str]) -> Serve:
    company.put("helpdesk/helpdesk.rows/1", "printer on fire", OWN)

    def check(token: str) -> Asker:
        asker = verify(token, KEYS, "freshline", NOW)
        if asker.principal.subject in revoked:
            raise Unauthenticated()
        return asker

    def serve(timeout_s: float = 5.0, **changed: Any) -> Served:
        manners = Manners(hosts=("freshline.example",), origins=("https://pages.example",))
        return Served(create_app(Deps(company.parts(**changed), check, timeout_s, manners)))

    return serve


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve()


@pytest.fixture(params=["legacy", "auto"])
def connect(request: pytest.FixtureRequest, served: Served) -> Connect:
    return lambda who: served.client(who, request.param)


async def search(client: Client, query: str = "printer on fire") -> dict[str, Any]:
    given = await client.call_tool("search", {"query": query})
    assert not given.is_error, given.content
    return given.structured_content


@pytest.mark.parametrize(("who", "seen"), [("alice", ["helpdesk/helpdesk.rows/1"]), ("bob", [])])
async def test_a_search_gives_what_the_holder_of_the_token_may_see(connect: Connect, who: str, seen: list[str]) -> None:
    async with connect(Principal(f"{who}@acme.example", "acme")) as client:
        assert [hit["record_id"] for hit in (await search(client))["hits"]] == seen


async def test_each_answer_is_on_record_with_the_address_it_went_to(connect, company, alice: Principal) -> None:
    async with connect(alice) as client:
        answer_id = (await search(client))["id"]
    record = json.loads(company.parts().recorder.own(Asker(alice), answer_id))
    assert (record["address"], record["who"]["subject"]) == ("127.0.0.1", alice.subject)


async def test_a_bad_question_is_refused_by_code(connect, alice: Principal) -> None:
    async with connect(alice) as client:
        given = await client.call_tool("search", {"query": "x", "sources": ["nonsense"]})
    assert given.is_error
    assert given.content[0].text.startswith("invalid_question: ")


async def test_an_answer_that_takes_too_long_is_an_error_of_the_tool(serve: Serve, alice: Principal) -> None:
    gate = threading.Event()

    def slow() -> None:
        gate.wait(10)
        raise IndexUnavailable()

    async with serve(timeout_s=0.3, live=slow).client(alice, "legacy") as client:
        given = await client.call_tool("search", {"query": "x"})
        gate.set()
    assert given.is_error
    assert given.content[0].text.startswith("timed_out: ")


async def test_who_is_revoked_between_two_calls_gets_nothing_by_the_second(
    connect, revoked: set[str], alice: Principal
) -> None:
    given = []
    with pytest.RaisesGroup(MCPError, flatten_subgroups=True, allow_unwrapped=True):
        async with connect(alice) as client:
            given.append(await search(client))
            revoked.add(alice.subject)
            given.append(await search(client))
    assert [len(one["hits"]) for one in given] == [1]


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer a.b.c", "Basic YWxpY2U6eA=="])
async def test_without_a_valid_token_mcp_says_what_every_path_says(served: Served, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": token}
    reply = await served.request(json=INITIALIZE, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_there_is_nothing_to_stream_and_no_session_to_end(served: Served, alice: Principal, method: str) -> None:
    reply = await served.request(method, headers=bearer(alice))
    assert reply.status_code == 405


async def test_a_reply_names_no_session_and_is_json(served: Served, alice: Principal) -> None:
    reply = await served.request(json=INITIALIZE, headers=bearer(alice))
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert "mcp-session-id" not in reply.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "freshline.example"}, 200),
        ({"Host": "localhost:8600", "Origin": "http://localhost:3000"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "freshline.example.evil.example"}, 421),
        ({"Host": "localhost.evil.example:80"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://pages.example"}, 200),
    ],
)
async def test_only_known_hosts_and_origins_are_answered(
    served: Served, alice: Principal, headers: dict, status: int
) -> None:
    reply = await served.request(json=INITIALIZE, headers=bearer(alice) | headers)
    assert reply.status_code == status


async def test_a_body_that_is_too_large_is_refused(served: Served, alice: Principal) -> None:
    reply = await served.request(content=b" " * 2_000_000, headers=bearer(alice))
    assert reply.status_code == 413


async def test_an_endpoint_runs_again_after_it_has_ended(alice: Principal) -> None:
    endpoint = McpEndpoint(mcp_server(lambda _: None))  # type: ignore[arg-type, return-value]
    for _ in range(2):
        async with endpoint.running():
            transport = httpx.ASGITransport(endpoint)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=ACCEPT) as client:
                assert (await client.post(PATH, json=INITIALIZE)).status_code == 200
