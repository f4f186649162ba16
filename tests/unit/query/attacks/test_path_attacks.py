"""No path, method or protocol leads around the door.

Elsewhere: every path says the same without a valid token (test_api.py).
"""

import asyncio
import json
from typing import Any

import pytest

from query.door import OPEN
from query.principal import Principal

ALICE = Principal("alice@acme.example", "acme")
ASKED = {"query": "printer on fire"}
TRICKS = [
    "//v1/search",
    "/v1//search",
    "/V1/search",
    "/v1/Search",
    "/v1/search/",
    "/v1/search//",
    "/v1/./search",
    "/healthz/../v1/search",
    "/healthz/v1/search",
    "/healthz;/v1/search",
    "/v1/search;x=/healthz",
    "/v1/search/healthz",
    "/v1/search\0/healthz",
    "/v1/search%2f",
    "/v1%2fsearch",
    "/%76%31/search",
    "/healthz%00/../v1/search",
    "/healthz?/v1/search",
    "\\v1\\search",
    "http://api/v1/search",
    "/healthz/",
    "/readyz/",
    "/openapi.json/",
    "/docs",
    "/redoc",
    "/metrics",
    "*",
    "",
]


async def exchange(app: Any, scope: dict[str, Any], body: bytes = b"") -> list[dict[str, Any]]:
    """One exchange without a client in between that would tidy up the path."""
    sent: list[dict[str, Any]] = []
    waiting = [{"type": "http.request", "body": body}] if scope["type"] == "http" else [{"type": "websocket.connect"}]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), 10)
    return sent


def scope(path: str, method: str = "POST", kind: str = "http", **headers: str) -> dict[str, Any]:
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")] + [(n.encode(), v.encode()) for n, v in headers.items()],
        "client": ("192.0.2.7", 4711),
        "server": ("api", 80),
    }


@pytest.mark.parametrize("path", TRICKS, ids=repr)
async def test_a_path_that_plays_tricks_is_refused_without_a_token_and_leads_nowhere_with_one(
    attacked: Any, path: str
) -> None:
    app, body = attacked.app(), json.dumps(ASKED).encode()
    for method in ("POST", "GET"):
        (start, *_) = await exchange(app, scope(path, method), body)
        assert start["status"] == 401
        (start, rest, *_) = await exchange(
            app, scope(path, method, authorization=f"Bearer {attacked.jwt(ALICE)}"), body
        )
        assert (start["status"], json.loads(rest["body"])["code"]) == (404, "not_found")
    assert attacked.calls == {}


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "X" * 99]
)
async def test_no_method_but_the_declared_one_gets_anything(attacked: Any, method: str) -> None:
    app, body = attacked.app(), json.dumps(ASKED).encode()
    assert (await exchange(app, scope("/v1/search", method), body))[0]["status"] == 401
    bearer = f"Bearer {attacked.jwt(ALICE)}"
    assert (await exchange(app, scope("/v1/search", method, authorization=bearer), body))[0]["status"] == 405
    assert attacked.calls == {}


@pytest.mark.parametrize("path", ["/v1/search", "/healthz", "/"])
async def test_a_websocket_is_closed_whoever_opens_it(attacked: Any, path: str) -> None:
    for headers in ({}, {"authorization": f"Bearer {attacked.jwt(ALICE)}"}):
        sent = await exchange(attacked.app(), scope(path, kind="websocket", **headers))
        assert [message["type"] for message in sent] == ["websocket.close"]


async def test_what_is_open_tells_nothing_of_anybody_and_every_other_path_needs_a_token(attacked: Any) -> None:
    client = attacked.client()
    assert sorted(OPEN) == ["/healthz", "/openapi.json", "/readyz"]
    told = "".join([(await client.get(path)).text for path in sorted(OPEN)])
    assert not {word for word in ("alice", "acme", "helpdesk", "wiki", "printer") if word in told}
    document = (await client.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for method in methods:
            reply = await client.request(method, path.replace("{record_id}", "0" * 32))
            assert (reply.status_code == 401) != (path in OPEN)
