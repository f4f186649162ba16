"""A key, a verifier and a person, for the tests of capability tokens; and the company's brute-force narrowing."""

from collections.abc import Iterable
from typing import Any

from biscuit_auth import Biscuit, BlockBuilder
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from query.asker import Asker, Mandate
from query.capabilities.issue import Charter, mint
from query.capabilities.keys import roots
from query.capabilities.verify import Verifier, verify
from query.principal import Principal
from query.tokens import key_id

NOW = 1_800_000_000.0
NOW_MS = int(NOW * 1000)
HOUR_MS = 3_600_000
AUDIENCE = "freshline"
SOURCES = ("crm", "helpdesk", "wiki")
ALICE = Principal("alice@acme.example", "acme", "planner")
KEY = Ed25519PrivateKey.generate()
KEYS = {key_id(KEY.public_key()): KEY.public_key()}
VERIFIER = Verifier(roots(KEYS), AUDIENCE, SOURCES)


def until(milliseconds: int = HOUR_MS, **narrowing: Any) -> Mandate:
    """A mandate that ends so long after NOW."""
    return Mandate(expires_ms=NOW_MS + milliseconds, **narrowing)


def minted(mandate: Mandate | None = None, key: Ed25519PrivateKey = KEY, **changed: Any) -> str:
    charter = {"principal": ALICE, "audience": AUDIENCE, "mandate": mandate or until(), "attributes": {}} | changed
    return mint(key, Charter(**charter), NOW)


def verified(token: str, now: float = NOW) -> Asker:
    return verify(token, VERIFIER, now)


def opened(token: str) -> Biscuit:
    return Biscuit.from_base64(token, VERIFIER.roots.__getitem__)


def with_block(token: str, code: str, **parameters: Any) -> str:
    """The token with a block of any Datalog, as anybody's own program could append it."""
    return opened(token).append(BlockBuilder(code, parameters)).to_base64()


def names(*found: str) -> frozenset[str]:
    return frozenset(found)


def allows(mandate: Mandate, operation: str, source: str, attribute: tuple[str, str]) -> bool:
    """By brute force: may this be done, on a record of this source with this one attribute?"""
    return (
        (mandate.operations is None or operation in mandate.operations)
        and (mandate.sources is None or source in mandate.sources)
        and all(name == attribute[0] and attribute[1] in values for name, values in mandate.ceiling.items())
    )


def least(numbers: Iterable[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
