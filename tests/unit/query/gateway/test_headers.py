import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from query.gateway.headers import ALWAYS, SecureHeaders, cross_origin
from query.gateway.manners import Manners
from schemas.errors import Misconfigured

ORIGIN = "https://agents.example"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization",
}


@pytest.mark.parametrize(
    ("method", "path", "bearer", "status"),
    [
        ("GET", "/v1/sources", "alice", 200),
        ("GET", "/v1/sources", "nobody", 401),
        ("GET", "/v1/updates?query=x&for_seconds=1", "alice", 200),
        ("GET", "/v1/updates", "alice", 422),
        ("GET", "/v1/webhooks", "alice", 200),
        ("GET", "/v1/nothing", "alice", 404),
        ("DELETE", "/v1/search", "alice", 405),
        ("POST", "/v1/search", "alice", 422),
        ("GET", "/healthz", "", 200),
        ("GET", "/openapi.json", "", 200),
    ],
)
async def test_every_reply_has_the_headers(served, method: str, path: str, bearer: str, status: int) -> None:
    reply = await served.client(bearer).request(method, path)
    assert reply.status_code == status
    assert {name: reply.headers.get(name) for name in ALWAYS} == ALWAYS
    assert "server" not in reply.headers
    assert "strict-transport-security" not in reply.headers


async def test_over_tls_browsers_are_told_to_stay_there(served) -> None:
    assert "max-age" in (await served.client().get("https://api/healthz")).headers["strict-transport-security"]


async def test_what_an_application_says_of_itself_or_of_caching_does_not_leave() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Server": "something/1.0", "Cache-Control": "public", "X-Frame-Options": "ALLOW"}
        await PlainTextResponse("x", headers=headers)(scope, receive, send)

    sent = []

    async def send(message: object) -> None:
        sent.append(message)

    await SecureHeaders(app)({"type": "http", "scheme": "http", "method": "GET"}, None, send)  # type: ignore[arg-type]
    headers = dict(sent[0]["headers"])
    assert b"server" not in headers
    assert (headers[b"cache-control"], headers[b"x-frame-options"]) == (b"no-store", b"DENY")


async def test_by_default_no_other_origin_may_read_anything(served) -> None:
    client = served.client()
    replies = [
        await client.options("/v1/search", headers=PREFLIGHT),
        await client.get("/v1/sources", headers={"Origin": ORIGIN}),
    ]
    assert replies[0].status_code == 405
    assert not [name for reply in replies for name in reply.headers if name.startswith("access-control")]


async def test_an_origin_that_is_named_may_and_another_may_not(served) -> None:
    client = served.client(app=served.app(Manners(origins=(ORIGIN,))))
    allowed = await client.options("/v1/search", headers=PREFLIGHT)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "access-control-allow-credentials" not in allowed.headers
    refused = await client.get("/v1/sources", headers={"Origin": ORIGIN, "Authorization": "Bearer nobody"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, ORIGIN)
    other = await client.get("/v1/sources", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("origin", ["*", "agents.example", "https://", "https://*.example", "https://a.example/x"])
def test_what_is_no_origin_stops_the_start(origin: str) -> None:
    with pytest.raises(Misconfigured, match="is no origin"):
        cross_origin([origin])
