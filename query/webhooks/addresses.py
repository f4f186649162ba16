"""Where webhooks may be sent: to public addresses by https, and to networks that the operator allows.

A name is judged by the addresses it has at the moment of connecting, and the connection goes to one of those: what a
name pointed to before, or points to a moment later (DNS rebinding), does not matter.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from schemas.errors import InvalidQuestion, Misconfigured

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            "224.0.0.0/3",  # many at once, and reserved
            "192.88.99.0/24",  # 6to4 relays
            "168.63.129.16/32",  # a cloud's metadata service at a public address
            "2001::/23",  # special purposes, Teredo among them
            "2001:db8::/32",
            "2002::/16",  # 6to4: an IPv4 address within
            "3fff::/20",
        ),
    )
)
"""Named here, too: what the standard library knows of them differs from version to version."""
_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts; `path` with its query."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Reach:
    """`allowed`: networks that may be reached although they are not public, by http, too."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: str) -> "Reach":
        """From networks separated by commas. Raises Misconfigured."""
        try:
            return cls(tuple(ip_network(each.strip()) for each in networks.split(",") if each.strip()))
        except ValueError as error:
            raise Misconfigured(f"FRESHLINE_WEBHOOK_ALLOW is not a list of networks: {error}") from None

    def target(self, url: str) -> Target:
        """Raises InvalidQuestion for a URL to which nothing would ever be sent."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise InvalidQuestion("url: this is no URL") from None
        if not url.isascii() or not url.isprintable() or any(c in url for c in " \\"):
            raise InvalidQuestion("url: only printable ASCII; write names as punycode and percent-encode the path")
        if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not self.allowed):
            raise InvalidQuestion("url: it must begin with https://")
        if "@" in parts.netloc or parts.fragment or port == 0:
            raise InvalidQuestion("url: no user, password or fragment, and a port that there is")
        literal = _literal(host)
        if literal is not None:
            self.require([str(literal)], parts.scheme)
        elif not _NAME.fullmatch(host.rstrip(".")):
            raise InvalidQuestion("url: its host is neither a name nor an address as usually written")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)

    def require(self, addresses: Sequence[str], scheme: str) -> None:
        """Raises InvalidQuestion unless every address may be reached by this scheme, and there is one."""
        for address in addresses:
            if not (self.allows(address) or (scheme == "https" and is_public(_parsed(address)))):
                raise InvalidQuestion("url: its host has no public address, or may not be reached like this")
        if not addresses:
            raise InvalidQuestion("url: its host has no address")

    def allows(self, address: str) -> bool:
        """Whether the operator does, public or not."""
        return any(_parsed(address) in network for network in self.allowed)


def is_public(address: Address) -> bool:
    """Whether anybody's server may be there: not this machine, this network, a cloud's metadata, or many at once."""
    address = _plain(address)
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    special = address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC)
    return address.is_global and not special


def _parsed(address: str) -> Address:
    """Without the name of an interface."""
    return _plain(ip_address(address.partition("%")[0]))


def _plain(address: Address) -> Address:
    """The IPv4 address within an IPv6 one that only wraps it."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _literal(host: str) -> Address | None:
    """Only the usual spelling: `0x7f.1`, `2130706433` and `0177.0.0.1` are neither address nor name here."""
    try:
        return ip_address(host)
    except ValueError:
        return None
