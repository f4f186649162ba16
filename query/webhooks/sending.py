"""Sending one request to an endpoint: to a checked address, in bounded time, without following anything."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import httpcore

from query.webhooks.addresses import Reach
from schemas.errors import FreshlineError, InvalidQuestion

LIMIT_S = 10.0
"""For all of it: resolving, connecting, sending, the first of the answer."""

CONNECT_S = 3.0
"""For an address, while there is another one to try."""

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""A host's addresses."""


class NotDelivered(FreshlineError):
    """The endpoint did not take it. The code is all that is told: no address, no word of an answer."""

    def __init__(self, error: str, *, is_gone: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.is_gone = is_gone


class Checked(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that it checked. TLS and the Host header still go by the name."""

    def __init__(self, reach: Reach, scheme: str, resolve: Resolve) -> None:
        self._reach, self._scheme, self._resolve = reach, scheme, resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        self._reach.require(addresses, self._scheme)
        *others, last = addresses
        for address in others:  # an address that no way leads to, of IPv6 perhaps, must not hide one that answers
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                stream = await self._inner.connect_tcp(address, port, CONNECT_S, local_address, socket_options)
                return await self._elsewhere(stream)
        stream = await self._inner.connect_tcp(last, port, timeout, local_address, socket_options)
        return await self._elsewhere(stream)

    async def _elsewhere(self, stream: httpcore.AsyncNetworkStream) -> httpcore.AsyncNetworkStream:
        """This machine may have a public address; a connection to itself has the same address at both ends."""
        here, there = stream.get_extra_info("client_addr"), stream.get_extra_info("server_addr")
        if here and there and here[0] == there[0] and not self._reach.allows(there[0]):
            await stream.aclose()
            raise NotDelivered("unreachable")
        return stream

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise NotDelivered("unreachable")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class Sender:
    """No proxies, no redirects, no cookies, no connection that is used twice; of an answer only the status is read."""

    def __init__(self, reach: Reach, trust: ssl.SSLContext | None = None, resolve: Resolve | None = None) -> None:
        self._reach = reach
        self._trust = trust or ssl.create_default_context()
        self._resolve = resolve or _resolved

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, limit_s: float = LIMIT_S) -> None:
        """Return when the endpoint said 2xx. Raises NotDelivered."""
        try:
            async with asyncio.timeout(limit_s):
                status = await self._status(url, headers, body)
        except (TimeoutError, httpcore.TimeoutException):
            raise NotDelivered("timed_out") from None
        except (InvalidQuestion, OSError, ValueError, httpcore.NetworkError, httpcore.ProtocolError):
            # An address that is not allowed looks like one where nobody is.
            raise NotDelivered("unreachable") from None
        if not 200 <= status < 300:
            raise NotDelivered(f"status_{status}", is_gone=status == 410)

    async def _status(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        target = self._reach.target(url)
        backend = Checked(self._reach, target.scheme, self._resolve)
        async with httpcore.AsyncConnectionPool(
            ssl_context=self._trust, max_connections=1, max_keepalive_connections=0, network_backend=backend
        ) as pool:
            place = httpcore.URL(
                scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
            )
            sent = {"Host": _host(url), "User-Agent": "Freshline", "Content-Type": "application/json", **headers}
            sent["Content-Length"] = str(len(body))
            async with pool.stream("POST", place, headers=list(sent.items()), content=body) as response:
                return int(response.status)


async def _resolved(host: str, port: int) -> list[str]:
    """In a thread of its own, which nobody waits for: a name server that hangs holds up no other endpoint, and not the
    end of the process. The thread ends when the system's resolver gives up."""
    found: Future[list[str]] = Future()
    found.set_running_or_notify_cancel()

    def look_up() -> None:
        try:
            found.set_result([str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except Exception as error:  # also of a name that cannot be encoded
            found.set_exception(error)

    threading.Thread(target=look_up, name="webhooks-names", daemon=True).start()
    return await asyncio.wrap_future(found)


def _host(url: str) -> str:
    return url.split("/", 3)[2].split("?", 1)[0]
