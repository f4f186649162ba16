import pytest
from mcp.shared.exceptions import MCPError

from query.decisions.recorder import UnknownRecord
from query.mcp.server import RECORDS
from schemas.errors import PermissionsUnknown


async def test_a_record_is_a_resource_under_its_id(connect, api) -> None:
    record = api.replies["record"]
    async with connect() as client:
        template = (await client.list_resource_templates()).resource_templates[0]
        read = await client.read_resource(RECORDS + record.record_id)
    assert template.uri_template == "freshline://records/{+record_id}"
    assert api.asked == [("record", (record.record_id,), {})]
    assert [content.uri for content in read.contents] == [RECORDS + record.record_id]
    assert read.contents[0].text.startswith("<search-results seal=")
    assert "The printer is on fire." in read.contents[0].text


async def test_no_cache_may_keep_a_record(connect, api) -> None:
    async with connect() as client:
        read = await client.read_resource(RECORDS + api.replies["record"].record_id)
    assert (read.ttl_ms, read.cache_scope) == (0, "private")


async def test_an_encoded_id_reaches_the_api_as_it_is(connect, api) -> None:
    async with connect() as client:
        await client.read_resource(RECORDS + "wiki/wiki.pages/a%2Fb%20c")
    assert api.asked[0][1] == ("wiki/wiki.pages/a%2Fb%20c",)


async def test_records_are_found_by_search_and_not_listed(connect) -> None:
    async with connect() as client:
        assert (await client.list_resources()).resources == []


@pytest.mark.parametrize(
    ("error", "number", "code"),
    [(UnknownRecord(), -32602, "unknown_record"), (PermissionsUnknown(), -32603, "permissions_unknown")],
)
async def test_a_record_that_is_refused_is_an_error_with_its_code(connect, api, error, number: int, code: str) -> None:
    api.replies["record"] = error
    async with connect() as client:
        with pytest.raises(MCPError, match=code) as caught:
            await client.read_resource(RECORDS + "helpdesk/helpdesk.tickets/1")
    assert (caught.value.code, caught.value.data["code"]) == (number, code)


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "freshline://records/", "test://static-text"])
async def test_any_other_resource_does_not_exist_and_is_never_looked_up(connect, api, uri: str) -> None:
    async with connect() as client:
        with pytest.raises(MCPError, match="no such resource"):
            await client.read_resource(uri)
    assert api.asked == []
