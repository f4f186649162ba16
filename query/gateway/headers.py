"""Headers that every response has, whoever makes it, and cross-origin requests where they are allowed."""

from collections.abc import Sequence
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import Misconfigured

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What is answered is for one asker and for now. A browser that shows it runs nothing of it."""
HSTS = ("Strict-Transport-Security", "max-age=31536000")
"""Over TLS only: elsewhere browsers must not believe it."""
METHODS = ("GET", "POST", "DELETE")
ASKED = ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID")
TOLD = ("RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate")


class SecureHeaders:
    """Sets them on every response, over any that was set before; takes `Server` away."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secure(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers[name] = value
                if scope.get("scheme") == "https":
                    headers[HSTS[0]] = HSTS[1]
                if "server" in headers:
                    del headers["server"]
            await send(message)

        await self._app(scope, receive, secure)


def cross_origin(origins: Sequence[str]) -> dict[str, Any]:
    """What Starlette's CORSMiddleware is told, to answer browsers of these origins.

    Tokens are in a header that scripts set, never in cookies, so credentials are not allowed. Raises Misconfigured for
    what is no origin, `*` included.
    """
    for origin in origins:
        scheme, separator, host = origin.partition("://")
        if scheme not in ("http", "https") or not separator or not host or set(host) & set("/*?#@ "):
            raise Misconfigured(f"{origin!r} is no origin; write https://host or https://host:port")
    return {
        "allow_origins": origins,
        "allow_methods": METHODS,
        "allow_headers": ASKED,
        "expose_headers": TOLD,
        "allow_credentials": False,
        "max_age": 600,
    }
