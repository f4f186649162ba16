"""The MCP server as the protocol's own conformance suite judges it."""

import contextlib
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from node_tools import PINNED, NodeTools, node_tools
from starlette.applications import Starlette
from token_proxy import token_proxy

from query.ask import resolve_person
from query.mcp.http import PATH, McpEndpoint
from query.mcp.port import Api
from query.mcp.server import mcp_server
from query.mcp.tools import Given, Tool
from query.tokens import load_signing_key, mint
from schemas.errors import NotAvailable
from schemas.settings import Settings

pytestmark = pytest.mark.live

SHARED = Path(__file__).resolve().parents[2] / ".freshline"
PATIENCE_S = 60.0
SCHEMA_2020_12 = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "additionalProperties": False,
}
ANYTHING = {"type": "object"}


@pytest.fixture(scope="session")
def tools() -> NodeTools:
    return node_tools(SHARED)


def passed(output: str) -> set[str]:
    """Scenarios that passed at least one check and failed none."""
    return set(re.findall(r"✓ (\S+): [1-9]\d* passed, 0 failed", output))


def test_every_scenario_that_applies_passes(settings: Settings, tools: NodeTools) -> None:
    key, alice = load_signing_key(settings.home / "keys"), resolve_person("alice", settings.home)
    token = mint(key, alice, settings.audience, 300, time.time())
    with token_proxy(f"http://{settings.api_host}:{settings.api_port}", token) as url:
        judged = tools.run(
            "conformance",
            *("server", "--url", url + PATH, "--suite", "all"),
            *("--expected-failures", str(PINNED / "not-applicable.yaml")),
            timeout_s=PATIENCE_S,
        )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert passed(judged.stdout) == {
        "server-initialize",
        "ping",
        "tools-list",
        "resources-list",
        "dns-rebinding-protection",
    }


async def _says(_: Api, __: Mapping[str, Any]) -> Given:
    return Given({}, ("This is a simple text response for testing.",))


async def _fails(_: Api, __: Mapping[str, Any]) -> Given:
    raise NotAvailable()


FIXTURES = [
    Tool("test_simple_text", "", "", ANYTHING, ANYTHING, _says),
    Tool("test_error_handling", "", "", ANYTHING, ANYTHING, _fails),
    Tool("json_schema_2020_12_tool", "", "", SCHEMA_2020_12, ANYTHING, _says),
]


@pytest.fixture
def fixture_server() -> Iterator[str]:
    """The product's server and transport with the tools that the suite asks for."""

    @contextlib.asynccontextmanager
    async def nothing(_: Any) -> AsyncIterator[Any]:
        yield None

    endpoint = McpEndpoint(mcp_server(nothing, {tool.name: tool for tool in FIXTURES}))
    app = Starlette(routes=[endpoint.route()], lifespan=lambda _: endpoint.running())
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(PATIENCE_S)


@pytest.mark.parametrize("scenario", ["tools-call-simple-text", "tools-call-error", "json-schema-2020-12"])
def test_with_the_tools_that_a_scenario_asks_for_it_passes(
    fixture_server: str, tools: NodeTools, scenario: str
) -> None:
    judged = tools.run(
        "conformance", "server", "--url", fixture_server + PATH, "--scenario", scenario, timeout_s=PATIENCE_S
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
