"""What is in a token, for people: facts, blocks, end, revocation ids; and whether any of it is verified."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from biscuit_auth import Biscuit, BiscuitValidationError, UnverifiedBiscuit
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from query.capabilities import wire
from query.capabilities.bounds import require_bounded
from query.capabilities.issue import MOST_CHARACTERS, decoded
from query.capabilities.keys import roots
from query.capabilities.vocabulary import plain, read_block
from query.tokens import ALGORITHM, revocation_id
from schemas.errors import Misconfigured

NOT_VERIFIED = "NOT VERIFIED: whoever wrote this token may have written anything into it"
_TIMES = ("iat", "nbf", "exp")


@dataclass(frozen=True, slots=True)
class Part:
    """A block of a capability, or all of a JWT. `expires_ms` is this part's own end; None if it has none of its own."""

    holder: str
    revocation_id: str
    text: str
    expires_ms: int | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """`verified`: the signatures are right by a key that counts. Neither times nor revocation are judged.

    `refusal`: why no API of ours accepts such a token, whoever signed it; empty for a token as we write them.
    """

    kind: str
    verified: bool
    sealed: bool
    parts: tuple[Part, ...]
    refusal: str = ""

    def expires_ms(self, hand: int = -1) -> int | None:
        """When everything that this hand passed on has ended, at the latest; None if it never does."""
        until = self.parts[: hand % len(self.parts) + 1]
        return min((part.expires_ms for part in until if part.expires_ms is not None), default=None)

    def lines(self) -> list[str]:
        """All of it as text, a line each. Never the token itself."""
        end = self.expires_ms()
        lines = [
            f"{self.kind}{', sealed' if self.sealed else ''}",
            "signature: verified" if self.verified else f"signature: {NOT_VERIFIED}",
            f"expires: {'never' if end is None else _moment(end)}",
        ]
        if self.refusal:
            lines.append(f"refused: {self.refusal}")
        for number, part in enumerate(self.parts):
            by = f", by {part.holder} (its own word)" if number and part.holder else ""
            lines += ["", f"block {number}{by}", f"revocation id: {part.revocation_id}"]
            lines += [f"    {line}" for line in part.text.splitlines() if line]
        return lines


def inspect(token: str, keys: Mapping[str, Ed25519PublicKey]) -> Inspection:
    """Open a token. Without the key that signed it the result says that it is not verified.

    Raises Misconfigured for what is no token at all, never showing it.
    """
    try:
        if len(token) > MOST_CHARACTERS:
            raise ValueError
        return _jwt(token, keys) if "." in token else _capability(token, keys)
    except (ValueError, TypeError, BiscuitValidationError, jwt.PyJWTError, RecursionError):
        raise Misconfigured("this is not a token, or not a whole one") from None


def _capability(token: str, keys: Mapping[str, Ed25519PublicKey]) -> Inspection:
    opened: Biscuit | UnverifiedBiscuit
    try:
        opened, verified = Biscuit.from_base64(token, roots(keys).__getitem__), True
    except BiscuitValidationError:
        opened, verified = UnverifiedBiscuit.from_base64(token), False
    envelope = wire.opened(decoded(token))
    sealed = envelope.secret is None
    texts = [opened.block_source(number) for number in range(len(envelope.blocks))]
    if not all(plain(block.symbols) for block in envelope.blocks):
        parts = [Part("", name, "", None) for name in opened.revocation_ids]
        return Inspection("capability", verified, sealed, tuple(parts), "a text in it could be read in two ways")
    parts = []
    for text, name in zip(texts, opened.revocation_ids, strict=True):
        block = read_block(text)
        note = "has checks beyond the vocabulary: the authorizer decides" if block.foreign else ""
        parts.append(Part(block.holder, name, f"{text}\n{note}", block.narrowing.expires_ms))
    return Inspection("capability", verified, sealed, tuple(parts), _refusal(texts))


def _refusal(texts: Sequence[str]) -> str:
    ceilings = {name for text in texts for name in read_block(text).narrowing.ceiling}
    try:
        require_bounded(texts, len(ceilings))
    except ValueError as error:
        return str(error)
    return ""


def _jwt(token: str, keys: Mapping[str, Ed25519PublicKey]) -> Inspection:
    header = jwt.get_unverified_header(token)
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    verified = _signed(token, keys.get(str(header.get("kid"))))
    end = claims.get("exp")
    text = "\n".join(_claim(name, value) for name, value in claims.items())
    part = Part("", revocation_id(claims, token), text, int(end) * 1000 if type(end) is int else None)
    return Inspection("JWT", verified, True, (part,))


def _signed(token: str, key: Ed25519PublicKey | None) -> bool:
    try:
        return key is not None and bool(jwt.api_jws.decode(token, key, algorithms=[ALGORITHM]))
    except jwt.PyJWTError:
        return False


def _claim(name: str, value: object) -> str:
    """Escaped, so that a claim cannot write on the terminal as it likes."""
    return f"{name!r}: {_moment(value * 1000) if name in _TIMES and type(value) is int else repr(value)}"


def _moment(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return "beyond the year 9999"
