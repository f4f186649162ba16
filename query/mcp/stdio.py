"""MCP over standard input and output, for programs that start their servers themselves: `freshline mcp`.

Standard output carries the protocol and nothing else. The tools call the API over the network.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from mcp.server.stdio import stdio_server

from query.client import AsyncClient
from query.mcp.port import Api
from query.mcp.server import Context, mcp_server


def serve_stdio(url: str, token: Callable[[], str]) -> None:
    """Serve one client until it closes standard input. `token` is asked before each call, so that it may be renewed."""
    anyio.run(_serve, url, token)


async def _serve(url: str, token: Callable[[], str]) -> None:
    @asynccontextmanager
    async def open_api(_: Context) -> AsyncIterator[Api]:
        async with AsyncClient(url, token) as api:
            yield api

    server = mcp_server(open_api)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
