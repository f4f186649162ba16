"""One request to an endpoint: the address that was checked is the one that is connected to, and nothing else is."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from typing import Any

import httpcore
import pytest

from query.webhooks.addresses import Reach
from query.webhooks.sending import NotDelivered, Resolve, Sender

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class Network(httpcore.AnyIOBackend):
    """Answers with `reply` to whoever connects, and remembers to where."""

    connected: list[str]
    away: Sequence[str] = ()
    own: str = "10.1.0.5"
    reply: bytes = OK

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.connected.append(f"{host}:{port}")
        if host in self.away:
            raise httpcore.ConnectError()
        self.stream = Stream([self.reply])
        self.stream.ends = {"client_addr": (self.own, 5), "server_addr": (host, port)}
        return self.stream


class Stream(httpcore.AsyncMockStream):
    def __init__(self, buffer: list[bytes]) -> None:
        super().__init__(buffer)
        self.written, self.sni, self.ends, self.closed = b"", "", {}, False

    def get_extra_info(self, info: str) -> Any:
        return self.ends.get(info) or super().get_extra_info(info)

    async def aclose(self) -> None:
        self.closed = True

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.written += buffer

    async def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Stream":
        self.sni = server_hostname or ""
        return self


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    network = Network()
    network.connected = []
    monkeypatch.setattr("query.webhooks.sending.httpcore.AnyIOBackend", lambda: network)
    return network


def names(*answers: Sequence[str]) -> Resolve:
    """A resolver that gives these answers, one after another, the last for ever."""
    left = list(answers)

    async def resolve(_: str, __: int) -> list[str]:
        return list(left.pop(0) if len(left) > 1 else left[0])

    return resolve


async def post(resolve: Resolve, url: str = "https://hooks.example.com/a?b=c", reach: Reach = Reach()) -> None:  # noqa: B008
    await Sender(reach, resolve=resolve).post(url, {"webhook-id": "msg_1"}, b"{}")


async def test_it_connects_to_the_address_and_names_the_host_in_tls_and_request(network: Network) -> None:
    await post(names(["8.8.8.8"]))
    assert (network.connected, network.stream.sni) == (["8.8.8.8:443"], "hooks.example.com")
    head = network.stream.written.decode().split("\r\n")
    assert head[0] == "POST /a?b=c HTTP/1.1"
    assert {"Host: hooks.example.com", "webhook-id: msg_1", "Content-Length: 2"} <= set(head)
    assert network.stream.written.endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "169.254.169.254"], ["::ffff:10.0.0.1"], ["fe80::1%eth0"], []]
)
async def test_a_name_that_leads_inside_is_unreachable_and_nothing_is_connected(
    network: Network, addresses: list[str]
) -> None:
    with pytest.raises(NotDelivered) as caught:
        await post(names(addresses))
    assert (caught.value.error, network.connected) == ("unreachable", [])


async def test_a_name_that_changes_after_it_was_checked_changes_nothing(network: Network) -> None:
    await post(names(["8.8.8.8"], ["127.0.0.1"]))
    assert network.connected == ["8.8.8.8:443"]


async def test_of_several_addresses_the_first_that_answers_is_taken(network: Network) -> None:
    network.away = ("2606:4700::1", "8.8.8.8")
    await post(names(["2606:4700::1", "9.9.9.9", "8.8.8.8"]))
    assert network.connected == ["2606:4700::1:443", "9.9.9.9:443"]
    with pytest.raises(NotDelivered, match="unreachable"):
        await post(names(["8.8.8.8", "2606:4700::1"]))


async def test_a_public_address_of_this_very_machine_gets_nothing_unless_it_is_allowed(network: Network) -> None:
    network.own = "8.8.8.8"
    for addresses in (["8.8.8.8"], ["8.8.8.8", "9.9.9.9"]):
        with pytest.raises(NotDelivered, match="unreachable"):
            await post(names(addresses))
        assert (network.stream.written, network.stream.closed) == (b"", True)
    await post(names(["8.8.8.8"]), reach=Reach.of("8.8.8.0/24"))
    assert network.stream.written.endswith(b"{}")


async def test_by_http_only_allowed_networks_are_connected(network: Network) -> None:
    inner = Reach.of("10.1.0.0/16")
    await post(names(["10.1.0.9"]), "http://inner.example.com:8080/", inner)
    assert network.connected == ["10.1.0.9:8080"]
    with pytest.raises(NotDelivered, match="unreachable"):
        await post(names(["8.8.8.8"]), "http://outer.example.com/", inner)
    assert len(network.connected) == 1


async def test_a_redirect_is_not_followed(network: Network) -> None:
    network.reply = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(NotDelivered, match="status_302"):
        await post(names(["8.8.8.8"]))
    assert len(network.connected) == 1


async def test_of_a_refusal_only_the_number_is_told_and_gone_is_known(network: Network) -> None:
    network.reply = b"HTTP/1.1 410 Gone\r\nContent-Length: 6\r\n\r\nsecret"
    with pytest.raises(NotDelivered) as caught:
        await post(names(["8.8.8.8"]))
    assert (str(caught.value), caught.value.is_gone) == ("status_410", True)


@pytest.mark.parametrize("reply", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000])
async def test_what_is_no_answer_is_unreachable(network: Network, reply: bytes) -> None:
    network.reply = reply
    with pytest.raises(NotDelivered, match="unreachable"):
        await post(names(["8.8.8.8"]))


async def test_an_endpoint_that_never_answers_is_left_in_time(network: Network) -> None:
    async def resolve(_: str, __: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(NotDelivered, match="timed_out"):
        await Sender(Reach(), resolve=resolve).post("https://example.com/", {}, b"{}", limit_s=0.01)


async def test_proxies_of_the_environment_are_not_asked(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await post(names(["8.8.8.8"]))
    assert network.connected == ["8.8.8.8:443"]


async def test_names_that_never_resolve_hold_no_other_endpoint_up(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        if host.startswith("hangs"):
            answered.wait(30)
        return [(0, 0, 0, "", ("8.8.8.8", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    sender = Sender(Reach())
    try:
        hanging = [asyncio.create_task(sender.post(f"https://hangs{n}.example/", {}, b"{}", 0.2)) for n in range(40)]
        await asyncio.sleep(0)
        await sender.post("https://quick.example/", {}, b"{}", 10)
        ended = await asyncio.gather(*hanging, return_exceptions=True)
        assert {str(each) for each in ended} == {"timed_out"}
    finally:
        answered.set()
    assert network.connected == ["8.8.8.8:443"]


async def test_a_name_that_is_none_is_unreachable(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(NotDelivered, match="unreachable"):
        await Sender(Reach()).post("https://nobody.example/", {}, b"{}")
