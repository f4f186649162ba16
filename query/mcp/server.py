"""The MCP server: tools, and records as resources, over whatever API a caller's request opens. No transport here."""

import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from typing import Any, TypeVar

import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError

from query.gateway.refusals import InternalError
from query.mcp import words
from query.mcp.port import Api
from query.mcp.quote import record_text
from query.mcp.tools import TOOLS, Tool
from schemas.errors import FreshlineError, Refused

Context = ServerRequestContext[Any, Any]
Open = Callable[[Context], AbstractAsyncContextManager[Api]]
"""The API as the caller of one request sees it, for as long as that request takes."""
T = TypeVar("T")

RECORDS = "freshline://records/"
CODE = "freshline/code"
"""Where a result's `_meta` says why there is none; the code is the first word of its text, too."""
MOST_DETAIL = 1_000
ABSENT = 404
log = logging.getLogger("freshline.query")


def mcp_server(open_api: Open, tools: Mapping[str, Tool] = TOOLS) -> Server[Any]:
    """The server. It keeps nothing between two requests, and no answer leaves it that the API did not give."""

    async def list_tools(_: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.listed() for tool in tools.values()])

    async def call_tool(context: Context, asked: types.CallToolRequestParams) -> types.CallToolResult:
        tool = tools.get(asked.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"there is no such tool; there are: {', '.join(tools)}")
        try:
            async with open_api(context) as api:
                given = await _safely(tool.call(api, asked.arguments or {}))
        except FreshlineError as error:
            return _refusal(error)
        blocks = [types.TextContent(type="text", text=text) for text in given.texts]
        return types.CallToolResult(content=[*blocks], structured_content=given.structured)

    async def list_resources(_: Context, __: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=[])

    async def list_templates(_: Context, __: types.PaginatedRequestParams | None) -> types.ListResourceTemplatesResult:
        record = types.ResourceTemplate(
            name="record",
            title="A record",
            uri_template=RECORDS + "{+record_id}",
            description=words.RECORD,
            mime_type="text/plain",
        )
        return types.ListResourceTemplatesResult(resource_templates=[record])

    async def read_resource(context: Context, asked: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(asked.uri)
        record_id = uri.removeprefix(RECORDS)
        if record_id in ("", uri):
            raise MCPError(types.INVALID_PARAMS, f"there is no such resource; records are {RECORDS}<record_id>")
        try:
            async with open_api(context) as api:
                record = await _safely(api.record(record_id))
        except FreshlineError as error:
            absent = isinstance(error, Refused) and error.status == ABSENT
            code = types.INVALID_PARAMS if absent else types.INTERNAL_ERROR
            raise MCPError(code, _said(error), {"uri": uri, "code": error.code}) from None
        contents = types.TextResourceContents(uri=uri, mime_type="text/plain", text=record_text(record))
        return types.ReadResourceResult(contents=[contents])

    return Server(
        "freshline",
        title="Freshline",
        version=version("freshline"),
        description="Fresh, permitted context from a company's live databases.",
        instructions=words.INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
    )


async def _safely(call: Awaitable[T]) -> T:
    """What the call gives. Raises FreshlineError, whatever it raised: words not ours may hold rows or questions."""
    try:
        return await call
    except FreshlineError:
        raise
    except Exception as error:
        log.error("%s in a tool\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
        raise InternalError() from None


def _refusal(error: FreshlineError) -> types.CallToolResult:
    text = types.TextContent(type="text", text=_said(error))
    return types.CallToolResult(content=[text], is_error=True, _meta={CODE: error.code})


def _said(error: FreshlineError) -> str:
    return f"{error.code}: {str(error)[:MOST_DETAIL]}"
