"""What somebody wrote into a row, to reach those who read answers."""

from typing import Any

import pytest

from query.principal import Principal
from schemas.label import Label

ASKER = Principal("alice@acme.example", "acme", "helper")
HERS = Label(tenant="acme", readers=("user:alice@acme.example",))
NO_LINKS = [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " javascript:alert(1)",
    "\x01javascript:alert(1)",
    "java\nscript:alert(1)",
    "java\tscript://x/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://x/1",
    "https://[",
]


@pytest.mark.parametrize("url", NO_LINKS)
async def test_an_address_that_would_run_or_hold_something_is_not_told_as_a_link(attacked: Any, url: str) -> None:
    attacked.company.put("helpdesk/tickets/1", "printer", HERS, url=url)
    client = attacked.client(attacked.capability(ASKER))
    found = (await client.post("/v1/search", json={"query": "printer", "context": True})).json()
    record = (await client.get("/v1/records/helpdesk%2Ftickets%2F1")).json()
    assert [found["hits"][0]["url"], record["url"]] == ["", ""]
    for said in (found["hits"][0]["citation"], record["citation"]):
        assert said == "helpdesk/tickets/1, version 0000000000000002.00000000, committed 2027-01-15T08:00:00.000Z"
        assert f"Citation: {said}\n" in found["context"]


@pytest.mark.parametrize("url", ["https://helpdesk.example/tickets/1", "http://h:8080/?a=b:c", "/tickets/1", ""])
async def test_an_address_on_the_web_is_told(attacked: Any, url: str) -> None:
    attacked.company.put("helpdesk/tickets/1", "printer", HERS, url=url)
    found = await attacked.client(attacked.capability(ASKER)).post("/v1/search", json={"query": "printer"})
    assert found.json()["hits"][0]["url"] == url
