"""What both transports share over httpx: where the API is, who asks, how a request and a reply look there."""

import re
import ssl
from collections.abc import Awaitable, Callable
from functools import cache
from urllib.parse import urlsplit

import httpx

from query.client.call import Lost, Reply, Request
from query.client.replies import retry_after_s
from schemas.errors import Misconfigured

Token = str | Callable[[], str]
"""A token, or what gives one each time a request is sent: so it can be fetched anew before it ends."""
AsyncToken = Token | Callable[[], Awaitable[str]]
TIMEOUT_S = 30.0
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


def base_of(url: str) -> str:
    """Where the API is. Raises Misconfigured for what is no plain http(s) address; a password in it is not repeated."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
    except ValueError:
        usable, parts = False, urlsplit("")
    if not usable or parts.username is not None or parts.password is not None:
        raise Misconfigured("the API's address must look like https://host:port, with nobody's name or password in it")
    return url.rstrip("/")


def headers_of(request: Request, token: str) -> dict[str, str]:
    """Of one try. Raises Misconfigured for what cannot be a token, without repeating it."""
    if not isinstance(token, str) or not _PRINTABLE.fullmatch(token):
        raise Misconfigured("the token is empty, or no token at all; give one by `freshline tokens mint`")
    return {"Accept": "application/json", **request.headers, "Authorization": f"Bearer {token}"}


def reply_of(reply: httpx.Response, body: bytes) -> Reply:
    return Reply(reply.status_code, body, retry_after_s(reply.headers))


def lost_by(error: httpx.TransportError) -> Lost:
    """The words of the error itself may hold an address, so they are left out."""
    return Lost(type(error).__name__)


@cache
def tls() -> ssl.SSLContext:
    """Made once: it takes longer than a question."""
    return httpx.create_ssl_context(trust_env=False)
