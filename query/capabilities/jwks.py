"""The public keys of an identity provider: where they are, which are of use, when they are looked at again."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

from schemas.errors import Misconfigured, Unavailable

MOST_BYTES = 256 * 1024
MOST_KEYS = 64
FETCH_S = 3.0
FRESH_S = 600.0
"""How long keys count without being looked at again."""
USABLE_S = 24 * 3600.0
"""How long they count while the provider does not answer."""
RETRY_S = 30.0
"""Between two fetches, at least, whatever tokens come."""

Fetch = Callable[[], bytes]
"""A JWKS document; raises Unavailable."""
PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
Keys = Mapping[tuple[str, str], PublicKey]
"""(key id, algorithm) -> key. A key is of use with its own algorithm and no other."""


@dataclass(slots=True)
class _Known:
    keys: Keys
    at: float


class KeySet:
    """Keys by id. Thread-safe; one thread fetches while the others go on with what is known."""

    def __init__(self, fetch: Fetch, steady: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._steady = steady
        self._fetching = threading.Lock()
        self._known: _Known | None = None
        self._tried_at: float | None = None

    def find(self, key_id: str, algorithm: str) -> PublicKey | None:
        """The key; None if the provider has no such key, or nobody knows what keys it has."""
        known = self._known
        if known is None or self._age(known) > FRESH_S or (key_id, algorithm) not in known.keys:
            self._refresh(wait=known is None)
            known = self._known
        if known is None or self._age(known) > USABLE_S:
            return None
        return known.keys.get((key_id, algorithm))

    def _age(self, known: _Known) -> float:
        return self._steady() - known.at

    def _refresh(self, *, wait: bool) -> None:
        """Fetch, unless somebody does or did within RETRY_S. A provider that fails leaves what was known."""
        if not self._fetching.acquire(blocking=wait):
            return
        try:
            now = self._steady()
            if self._tried_at is None or now - self._tried_at >= RETRY_S:
                self._tried_at = now
                self._known = _Known(usable_keys(self._fetch()), now)
        except (Unavailable, Misconfigured):
            pass
        finally:
            self._fetching.release()


def usable_keys(document: bytes) -> dict[tuple[str, str], PublicKey]:
    """The signing keys we accept: RSA of 2048 bits or more, P-256 and Ed25519. Others are left out.

    Raises Misconfigured for what is no JWKS document.
    """
    try:
        listed = orjson.loads(document)["keys"]
        if not isinstance(listed, list) or len(document) > MOST_BYTES:
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise Misconfigured("the identity provider's keys are no JWKS document") from None
    found: dict[tuple[str, str], PublicKey] = {}
    for one in listed[:MOST_KEYS]:
        usable = _usable(one)
        if usable is not None:
            found.setdefault((one["kid"], usable[0]), usable[1])
    return found


def _usable(one: Any) -> tuple[str, PublicKey] | None:
    if not isinstance(one, dict) or not isinstance(one.get("kid"), str) or one.get("use", "sig") != "sig" or "d" in one:
        return None
    try:
        key = PyJWK(one).key
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    algorithm = _algorithm(key)
    return None if algorithm is None or one.get("alg", algorithm) != algorithm else (algorithm, key)


def _algorithm(key: object) -> str | None:
    """The one algorithm we use a key with."""
    if isinstance(key, RSAPublicKey):
        return "RS256" if key.key_size >= 2048 else None
    if isinstance(key, EllipticCurvePublicKey):
        return "ES256" if isinstance(key.curve, SECP256R1) else None
    return "EdDSA" if isinstance(key, Ed25519PublicKey) else None


def from_file(path: Path) -> Fetch:
    """Keys kept in a file, which may be replaced at any time."""

    def fetch() -> bytes:
        try:
            with path.open("rb") as file:
                return file.read(MOST_BYTES + 1)
        except OSError as error:
            raise Unavailable("the identity provider", f"{path}: {error.strerror}") from None

    return fetch


def from_url(url: str) -> Fetch:
    """Keys at a URL: https, but for loopback. No redirects, at most MOST_BYTES; no wait and no body beyond FETCH_S.

    Raises Misconfigured for another URL.
    """
    _require_safe(url)

    def fetch() -> bytes:
        deadline, body = time.monotonic() + FETCH_S, bytearray()
        try:
            # As it is sent: a compressed body could be small on its way and not here.
            asked = {"Accept-Encoding": "identity"}
            with httpx.stream("GET", url, headers=asked, timeout=FETCH_S, trust_env=False) as reply:
                for part in reply.iter_raw():
                    body += part
                    if len(body) > MOST_BYTES or time.monotonic() > deadline:
                        raise Unavailable("the identity provider", "its keys are too large, or come too slowly")
                status = reply.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable("the identity provider", type(error).__name__) from None
        if status != httpx.codes.OK:
            raise Unavailable("the identity provider", f"it answered {status}")
        return bytes(body)

    return fetch


def _require_safe(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or parts.username is not None or parts.scheme not in ("https", "http"):
        raise Misconfigured("FRESHLINE_OIDC_JWKS_URL: write https://host/path, without a password")
    if parts.scheme == "http" and not _is_loopback(host):
        raise Misconfigured("FRESHLINE_OIDC_JWKS_URL: https is required, but for loopback")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
