"""MCP as programs use it: the SDK's own client over real HTTP, the inspector, and `freshline mcp` as a child."""

import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from live_stage import within
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from node_tools import NodeTools, node_tools

from query.ask import ask, resolve_person
from query.capabilities.inspection import inspect
from query.capabilities.revoked import revocation, revoke
from query.mcp.server import RECORDS
from query.mcp.tools import TOOLS
from query.tokens import load_public_keys, load_signing_key, mint
from schemas.answer import Question
from schemas.settings import Settings

pytestmark = pytest.mark.live

SHARED = Path(__file__).resolve().parents[2] / ".freshline"
QUESTION = "Why do checkout payments fail at Northwind Bakery?"
PATIENCE_S = 30.0


@pytest.fixture
def url(settings: Settings) -> str:
    return f"http://{settings.api_host}:{settings.api_port}"


def token(settings: Settings, who: str = "alice") -> str:
    person = resolve_person(who, settings.home)
    return mint(load_signing_key(settings.home / "keys"), person, settings.audience, 120, time.time())


@asynccontextmanager
async def connected(url: str, bearer: str) -> AsyncIterator[Client]:
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {bearer}"}, timeout=PATIENCE_S)
    async with http, Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client:
        yield client


async def found(client: Client, **asked: Any) -> list[str]:
    given = await client.call_tool("search", {"query": QUESTION, "limit": 5, **asked})
    assert not given.is_error, given.content
    return [hit["record_id"] for hit in given.structured_content["hits"]]


async def test_a_search_over_mcp_gives_what_rest_gives_to_each_person(settings: Settings, url: str) -> None:
    for who in ("alice", "bob"):
        async with connected(url, token(settings, who)) as client:
            over_mcp = await found(client)
        over_rest = ask(url, token(settings, who), Question(query=QUESTION, limit=5))
        assert over_mcp == [hit.record_id for hit in over_rest.hits]
    async with connected(url, token(settings, "alice")) as client:
        assert over_mcp != await found(client)


async def test_every_tool_works_on_what_a_search_found(settings: Settings, url: str) -> None:
    async with connected(url, token(settings)) as client:
        answer = await client.call_tool("search", {"query": QUESTION, "limit": 2, "budget_tokens": 2000})
        hit = answer.structured_content["hits"][0]
        given = {
            "get_record": {"record_id": hit["record_id"]},
            "explain_access": {"record_id": hit["record_id"], "purpose": "test"},
            "check_freshness": {},
            "list_sources": {},
            "record_decision": {"answers": [answer.structured_content["id"]], "outcome": "completed"},
        }
        results = {name: await client.call_tool(name, arguments) for name, arguments in given.items()}
        again = await client.call_tool("record_decision", given["record_decision"])
        resource = await client.read_resource(RECORDS + hit["record_id"])
    assert {"search", *given} == set(TOOLS)
    assert {name: result.content[0].text for name, result in results.items() if result.is_error} == {}
    assert results["get_record"].structured_content["record_id"] == hit["record_id"]
    assert results["explain_access"].structured_content["verdict"] == "visible"
    assert hit["source"] in {s["source"] for s in results["check_freshness"].structured_content["sources"]}
    assert hit["source"] in {s["source"] for s in results["list_sources"].structured_content["sources"]}
    assert again.structured_content == results["record_decision"].structured_content
    assert hit["text"][:40] in resource.contents[0].text


async def test_what_is_not_usable_is_refused_by_code(settings: Settings, url: str) -> None:
    async with connected(url, token(settings)) as client:
        nowhere = await client.call_tool("search", {"query": "x", "sources": ["nonsense"]})
        absent = await client.call_tool("get_record", {"record_id": "helpdesk/helpdesk.tickets/0"})
    assert (nowhere.is_error, nowhere.content[0].text.partition(":")[0]) == (True, "invalid_question")
    assert (absent.is_error, absent.content[0].text.partition(":")[0]) == (True, "unknown_record")


async def test_a_token_that_is_revoked_or_no_token_opens_nothing(settings: Settings, url: str) -> None:
    bearer = token(settings)
    async with connected(url, bearer) as client:
        assert await found(client)
    seen = inspect(bearer, load_public_keys(settings.home / "keys"))
    ended = revocation(seen.parts[-1].revocation_id, time.time_ns() // 1_000_000, seen.expires_ms())
    revoke(settings.kafka, ended, PATIENCE_S)

    def refused() -> bool | None:
        return (httpx2.post(f"{url}/mcp", headers={"Authorization": f"Bearer {bearer}"}).status_code == 401) or None

    within("the token is refused", refused, PATIENCE_S)
    for no_good in (bearer, "nonsense"):
        with pytest.RaisesGroup(MCPError, flatten_subgroups=True, allow_unwrapped=True):
            async with connected(url, no_good) as client:
                await client.list_tools()


async def test_a_program_that_starts_its_servers_itself_gets_the_same_over_standard_output(
    settings: Settings, url: str
) -> None:
    program = StdioServerParameters(
        command=str(Path(sys.executable).with_name("freshline")),
        args=["mcp", "--url", url],
        env={"FRESHLINE_TOKEN": token(settings), "FRESHLINE_HOME": str(settings.home)},
    )
    async with Client(program) as client:
        over_pipe = await found(client)
    async with connected(url, token(settings)) as client:
        assert over_pipe == await found(client)


@pytest.fixture(scope="session")
def tools() -> NodeTools:
    return node_tools(SHARED)


def inspected(tools: NodeTools, url: str, bearer: str, *args: str) -> dict[str, Any]:
    header = ("--header", f"Authorization: Bearer {bearer}")
    command = ("--cli", f"{url}/mcp", "--transport", "http", *header, "--format", "json", "--quiet", *args)
    done = tools.run("mcp-inspector", *command, timeout_s=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)["result"]
    return result


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_lists_the_tools_without_complaint_and_calls_one(
    settings: Settings, url: str, tools: NodeTools, era: str
) -> None:
    bearer = token(settings)
    listed = inspected(tools, url, bearer, "--protocol-era", era, "--method", "tools/list", "--strict")
    assert {tool["name"] for tool in listed["tools"]} == set(TOOLS)
    asked = ("--method", "tools/call", "--tool-name", "search", "--tool-arg", f"query={QUESTION}", "limit=2")
    given = inspected(tools, url, bearer, "--protocol-era", era, *asked)
    assert len(given["structuredContent"]["hits"]) == 2
    assert given["content"][0]["text"].startswith("<search-results seal=")
