"""How often may be asked: by each agent, by each tenant, and with tokens that turn out not to count.

Counted over a sliding window, in memory or in a storage that several API processes share. An agent is counted by what
its issuer signed (tenant, subject, agent): whoever attenuates a token or mints another counts on.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from threading import Lock
from typing import Any

from limits import RateLimitItem, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from query.asker import Asker
from query.gateway.refusals import LimitsUnavailable, RateLimited
from schemas.errors import Misconfigured

PREFIX = "freshline"
MOST_KNOWN = 10_000
IN_MEMORY = "memory://"
SWEEP_S = 10.0
"""Between looks for counts that have expired."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Each as `limits` writes it, e.g. 100/minute. `bad_tokens` is per network address. `storage`: where is counted."""

    agent: str = "6000/minute"
    tenant: str = "30000/minute"
    bad_tokens: str = "1200/minute"
    storage: str = IN_MEMORY


@dataclass(frozen=True, slots=True)
class Standing:
    """Of the limit that is nearest: what is left of it, and when it is whole again."""

    name: str
    amount: int
    window_s: int
    left: int
    reset_s: int

    @property
    def policy(self) -> str:
        return f'"{self.name}";q={self.amount};w={self.window_s}'

    @property
    def state(self) -> str:
        return f'"{self.name}";r={self.left};t={self.reset_s}'


class RateLimits:
    """Thread-safe; may block where the storage is over a network. Raises Misconfigured for rates or a storage that
    cannot be used; every call raises LimitsUnavailable while the storage is away."""

    def __init__(self, rates: Rates = Rates()) -> None:
        self._agent, self._tenant = _rate("agent", rates.agent), _rate("tenant", rates.tenant)
        self._bad = _rate("bad tokens", rates.bad_tokens)
        self._counter = SlidingWindowCounterRateLimiter(_storage(rates.storage))
        self._good = _Known(MOST_KNOWN)

    def admit(self, asker: Asker) -> Standing:
        """Count a request. Raises RateLimited where it is one too many."""
        who = asker.principal
        counted = [
            ("tenant", self._tenant, (PREFIX, "tenant", who.tenant)),
            ("agent", self._agent, (PREFIX, "agent", who.tenant, who.subject, who.agent)),
        ]
        with _AtHand():
            # The agent first: what it asks beyond its own limit must not use up its tenant's.
            over = next((c for c in reversed(counted) if not self._counter.hit(c[1], *c[2])), None)
            standings = [self._standing(*c) for c in ([over] if over else counted)]
        nearest = min(standings, key=lambda one: one.left / one.amount)
        if over:
            said = f"more than {over[1]} by this {over[0]}; ask again when Retry-After has passed"
            raise RateLimited(said, nearest.reset_s, nearest.policy)
        return nearest

    def suspect(self, address: str, token: str) -> None:
        """Before a token is verified. Raises RateLimited where too many from this address did not count lately, unless
        this one did: who has a good token is not kept out by who has none."""
        if self._good.has(token):
            return
        with _AtHand():
            if self._counter.test(self._bad, PREFIX, "bad", address):
                return
            standing = self._standing("bad tokens", self._bad, (PREFIX, "bad", address))
        raise RateLimited("too many tokens from this address did not count", standing.reset_s)

    def verified(self, token: str) -> None:
        self._good.add(token)

    def failed(self, address: str, token: str) -> None:
        """The token did not count."""
        self._good.drop(token)
        with _AtHand():
            self._counter.hit(self._bad, PREFIX, "bad", address)

    def _standing(self, name: str, rate: RateLimitItem, key: tuple[str, ...]) -> Standing:
        reset, left = self._counter.get_window_stats(rate, *key)
        return Standing(name, rate.amount, rate.get_expiry(), left, max(1, ceil(reset - time.time())))


class _Known:
    """Hashes of the tokens that counted last, bounded."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._hashes: OrderedDict[bytes, None] = OrderedDict()

    def has(self, token: str) -> bool:
        return _hash(token) in self._hashes

    def add(self, token: str) -> None:
        with self._lock:
            self._hashes[_hash(token)] = None
            self._hashes.move_to_end(_hash(token))
            if len(self._hashes) > self._most:
                self._hashes.popitem(last=False)

    def drop(self, token: str) -> None:
        with self._lock:
            self._hashes.pop(_hash(token), None)


class _AtHand:
    """Whatever goes wrong with the storage is a refusal; its words may hold a password, so they are not passed on."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, StorageError):
            raise LimitsUnavailable() from None


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _rate(name: str, text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError:
        raise Misconfigured(f"the rate for {name}, {text!r}, is none; write for example 100/minute") from None


class _Memory(MemoryStorage):
    """The library starts a thread after each request that takes away what has expired; here that is done by who counts,
    now and then. What has expired does not count meanwhile either."""

    def __init__(self) -> None:
        self._sweeps_at = 0.0
        super().__init__(wrap_exceptions=True)

    def _MemoryStorage__schedule_expiry(self) -> None:
        if time.monotonic() >= self._sweeps_at:
            self._sweeps_at = time.monotonic() + SWEEP_S
            self._MemoryStorage__expire_events()  # type: ignore[attr-defined]


def _storage(uri: str) -> Storage:
    if uri == IN_MEMORY:
        return _Memory()
    try:
        storage = storage_from_string(uri, wrap_exceptions=True)
    except (ConfigurationError, ImportError, ValueError, StorageError) as error:
        scheme = uri.partition("://")[0]
        raise Misconfigured(
            f"rates cannot be counted in a storage {scheme}://… ({type(error).__name__}); leave "
            f"FRESHLINE_LIMITS_STORAGE unset, or install what `limits` needs for it"
        ) from None
    if not isinstance(storage, Storage):
        raise Misconfigured("rates need a storage of the kind that is not asynchronous; write it without async+")
    return storage
