"""Tokens that say who asks: JWTs signed with Ed25519, and the folder that holds the keys.

The folder has one signing key (`signing.pem`, readable by its owner only) and any number of public keys
(`<kid>.pub.pem`). To rotate: `freshline tokens keys rotate`, and `retire` the old key when the last token it signed
has expired; from then on such tokens are refused.
"""

import os
import secrets
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from query.asker import Asker, Link, Mandate
from query.principal import Principal
from schemas.errors import Misconfigured, Unauthenticated

ISSUER = "freshline"
ALGORITHM = "EdDSA"
SIGNING_KEY = "signing.pem"
PUBLIC_SUFFIX = ".pub.pem"
CLOCK_SKEW_S = 5
"""How far ahead the clock of who minted a token may be. An expired token gets nothing on top."""
KEYS_REMEMBERED = 64
"""Public keys whose text was read before; whether they are in the folder is looked at each time."""
LONGEST_ID = 256
"""Characters of a revocation id."""
_CLAIMS = ("iss", "aud", "sub", "tenant", "iat", "nbf", "exp", "jti")

PublicKeys = Mapping[str, Ed25519PublicKey]


def generate_keys(folder: Path) -> Path:
    """Make a pair of keys; returns the public one's path. Raises Misconfigured if there is one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(folder / SIGNING_KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Misconfigured(f"{folder / SIGNING_KEY} exists; to have another: freshline tokens keys rotate") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
    public = private.public_key()
    path = folder / f"{key_id(public)}{PUBLIC_SUFFIX}"
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def load_signing_key(folder: Path) -> Ed25519PrivateKey:
    """The key that signs tokens. Raises as `load_private_key`."""
    return load_private_key(folder / SIGNING_KEY)


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Raises Misconfigured, never showing what it read."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise Misconfigured(f"the signing key {path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Misconfigured(f"{path} is not a private key in PEM without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured(f"{path} is not an Ed25519 key")
    return key


def load_public_keys(folder: Path) -> dict[str, Ed25519PublicKey]:
    """Every public key that is there now, by its id. Raises Misconfigured for none, or one that is not what its name
    says."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(PUBLIC_SUFFIX))
        pems = {name: (folder / name).read_bytes() for name in names}
    except OSError as error:
        raise Misconfigured(f"no public key (*{PUBLIC_SUFFIX}) can be read in {folder}: {error.strerror}") from None
    keys = dict(_public_key(folder, name, pem) for name, pem in pems.items())
    if not keys:
        raise Misconfigured(f"no public key (*{PUBLIC_SUFFIX}) in {folder}, so no token could be verified")
    return keys


@lru_cache(maxsize=KEYS_REMEMBERED)
def _public_key(folder: Path, name: str, pem: bytes) -> tuple[str, Ed25519PublicKey]:
    """Its id and the key. A failure is not remembered."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise Misconfigured(f"{folder / name} is not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey) or name != f"{key_id(key)}{PUBLIC_SUFFIX}":
        raise Misconfigured(f"{folder / name} is not the Ed25519 key its name says")
    return key_id(key), key


def key_id(key: Ed25519PublicKey) -> str:
    """The key's name, from its content: 16 hexadecimal digits."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def mint(private_key: Ed25519PrivateKey, principal: Principal, audience: str, lifetime_s: int, now: float) -> str:
    """A token for `principal`, valid from `now` (seconds since 1970) for `lifetime_s` seconds."""
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": audience,
        "sub": principal.subject,
        "tenant": principal.tenant,
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now) + lifetime_s,
        "jti": secrets.token_hex(16),
    }
    if principal.agent:
        claims["agent"] = principal.agent
    return jwt.encode(claims, private_key, algorithm=ALGORITHM, headers={"kid": key_id(private_key.public_key())})


def verify(token: str, public_keys: PublicKeys, audience: str, now: float) -> Asker:
    """Who the token speaks for at `now` (seconds since 1970); it narrows nothing. Revocation is not looked at.

    Raises Unauthenticated, never saying why.
    """
    try:
        key = public_keys[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=ISSUER,
            # Times are checked below, on the clock that was handed in.
            options={"require": list(_CLAIMS), "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
        _require_valid_at(claims, now)
        principal = Principal(_text(claims["sub"]), _text(claims["tenant"]), _text(claims.get("agent", "")))
        link = Link(principal.agent or principal.subject, revocation_id(claims, token))
        return Asker(principal, Mandate(chain=(link,), expires_ms=claims["exp"] * 1000))
    except (jwt.PyJWTError, Misconfigured, KeyError, ValueError, TypeError, RecursionError):
        raise Unauthenticated() from None


def revocation_id(claims: Mapping[str, Any], token: str) -> str:
    """The `jti`; for a JWT without one, the hash of what is signed. Raises TypeError or ValueError for a bad `jti`."""
    if "jti" in claims:
        name = _text(claims["jti"])
        if not 0 < len(name) <= LONGEST_ID or not name.isprintable():
            raise ValueError("a jti by which nobody could revoke the token")
        return name
    return "sha256:" + sha256(token.rpartition(".")[0].encode()).hexdigest()


def _require_valid_at(claims: dict[str, Any], now: float) -> None:
    """Only whole numbers are times: NaN, for one, would never expire."""
    times = [claims[name] for name in ("iat", "nbf", "exp")]
    if any(type(time) is not int for time in times):
        raise ValueError("a time is not a whole number")
    issued, begins, ends = times
    if max(issued, begins) > now + CLOCK_SKEW_S or ends <= now:
        raise ValueError("not valid now")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value
