"""MCP over streamable HTTP, as a part of the REST API's application: same door, same port, same tokens.

A tool's call goes back into the application as a request of its own, with the caller's token and from the caller's
address: policies, limits and records apply to it as to any other. There are no sessions: each request stands alone, so
it may reach any process, and survives restarts. Each reply is one JSON document, so nothing is ever streamed.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from query.client import NO_RETRIES, AsyncClient
from query.mcp.port import Api
from query.mcp.server import Context, Open, mcp_server
from schemas.errors import Unauthenticated

PATH = "/mcp"
INSIDE = "http://localhost"
"""Where the application's own requests to itself go: nowhere but there."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def mcp_endpoint(app: FastAPI, hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> "McpEndpoint":
    """MCP for an application: its `route` belongs into the application, and `running` into the lifespan."""
    return McpEndpoint(mcp_server(_opener(app)), hosts, origins)


class McpEndpoint:
    """An MCP server as an ASGI application. It answers while `running`.

    `hosts`: names under which clients reach it, besides loopback, as in `Host` (with port, where it is not the scheme's
    own). What asks for another host, or comes from a page of another origin (but `origins`), is refused: the name of a
    page's server may have been pointed here (DNS rebinding).
    """

    def __init__(self, server: Server[Any], hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> None:
        names = [*hosts, *LOOPBACK, *(f"{name}:*" for name in LOOPBACK)]
        own = [f"{scheme}://{name}" for scheme in ("http", "https") for name in names]
        self._server = server
        self._security = TransportSecuritySettings(allowed_hosts=names, allowed_origins=[*own, *origins])
        self._manager: StreamableHTTPSessionManager | None = None

    def route(self) -> Route:
        return Route(PATH, self, methods=["POST"], include_in_schema=False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """It answers meanwhile. May be entered again after it has ended."""
        manager = StreamableHTTPSessionManager(
            self._server, stateless=True, json_response=True, security_settings=self._security
        )
        async with manager.run():
            self._manager = manager
            try:
                yield
            finally:
                self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._manager is None:
            raise RuntimeError("the MCP endpoint is not running: the application's lifespan has not begun")
        await self._manager.handle_request(scope, receive, send)


def _opener(app: FastAPI) -> Open:
    """The API as the sender of an MCP request sees it. The door has read the token once; it reads it again."""

    @asynccontextmanager
    async def open_api(context: Context) -> AsyncIterator[Api]:
        request = context.request
        if not isinstance(request, Request):
            raise Unauthenticated()
        sender = (request.client.host, request.client.port) if request.client else ("", 0)
        transport = httpx.ASGITransport(app, client=sender)
        token = request.headers.get("authorization", "").partition(" ")[2].strip()
        async with AsyncClient(INSIDE, token, transport=transport, retries=NO_RETRIES) as api:
            yield api

    return open_api
