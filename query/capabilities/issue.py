"""Making capability tokens: minting needs the signing key; attenuating and sealing need only the token."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field

from biscuit_auth import BiscuitBuilder, BlockBuilder, Check, DataLogError, Fact
from biscuit_auth import BiscuitValidationError as NotVerified
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from query.asker import Mandate
from query.capabilities import library, wire
from query.capabilities.vocabulary import facts, moment, require_plain, write_narrowing
from query.principal import Principal
from query.tokens import CLOCK_SKEW_S, key_id
from schemas.errors import Misconfigured

MOST_BLOCKS = 16
MOST_CHARACTERS = 8192
"""Of a whole token, of any kind."""


@dataclass(frozen=True, slots=True)
class Charter:
    """What a token is minted for. `mandate.expires_ms` must be set; its chain is not used."""

    principal: Principal
    audience: str
    mandate: Mandate
    attributes: Mapping[str, str] = field(default_factory=dict)


def mint(private_key: Ed25519PrivateKey, charter: Charter, now: float) -> str:
    """A token, valid from `now` (seconds since 1970). Raises Misconfigured for what cannot or should not be minted."""
    if charter.mandate.expires_ms is None or charter.mandate.expires_ms <= now * 1000:
        raise Misconfigured("a token must end, and in the future")
    who = charter.principal
    named = {"subject": who.subject, "tenant": who.tenant, **({"agent": who.agent} if who.agent else {})}
    require_plain("who the token is for", (*named.values(), charter.audience))
    require_plain("attributes", (*charter.attributes, *charter.attributes.values()))
    builder = BiscuitBuilder()
    for name, value in named.items():
        builder.add_fact(Fact(f"{name}({{value}})", {"value": value}))
    for fact in facts("attribute", charter.attributes):
        builder.add_fact(fact)
    builder.add_check(Check("check if audience({audience})", {"audience": charter.audience}))
    begins = moment(int(now) - CLOCK_SKEW_S)
    builder.add_check(Check("check if time($time), $time >= {begins}", {"begins": begins}))
    write_narrowing(builder, charter.mandate)
    builder.set_root_key_id(root_id(key_id(private_key.public_key())))
    return _fitting(builder.build(library.private_key(private_key)).to_base64())


def attenuate(token: str, narrowing: Mandate, holder: str) -> str:
    """A token that may less, for `holder`. Offline, with no key: whoever has a token can do it.

    Nothing is verified here. Raises Misconfigured for a sealed or damaged token, or a narrowing that cannot be written.
    """
    require_plain("holder", (holder,))
    block = BlockBuilder("")
    block.add_fact(Fact("holder({holder})", {"holder": holder}))
    write_narrowing(block, narrowing)
    try:
        return _fitting(_encoded(wire.appended(decoded(token), block)))
    except (ValueError, DataLogError, NotVerified) as error:
        raise Misconfigured(f"the token cannot be attenuated: {_said(error)}") from None


def seal(token: str) -> str:
    """The same token, to which nothing can be appended any more. Raises Misconfigured as `attenuate`."""
    try:
        return _encoded(wire.sealed(decoded(token)))
    except ValueError as error:
        raise Misconfigured(f"the token cannot be sealed: {_said(error)}") from None


def root_id(key: str) -> int:
    """The number by which a token names the key that signed it: the first 32 bits of the key's id."""
    return int(key[:8], 16)


def decoded(token: str) -> bytes:
    """The bytes of a token in URL-safe base64. Raises ValueError."""
    if len(token) > MOST_CHARACTERS:
        raise ValueError("it is too long")
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("it is not a capability token") from None


def _encoded(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).decode()


def _fitting(token: str) -> str:
    if len(token) > MOST_CHARACTERS:
        raise Misconfigured(f"the token would have more than {MOST_CHARACTERS} characters; narrow with fewer names")
    if len(wire.opened(decoded(token)).blocks) > MOST_BLOCKS:
        raise Misconfigured(f"the token went through {MOST_BLOCKS} hands already; ask for a new one")
    return token


def _said(error: Exception) -> str:
    """Only words of our own: the library's may quote the token."""
    return str(error) if type(error) is ValueError else "it is damaged"
