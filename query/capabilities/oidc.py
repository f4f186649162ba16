"""People and services known to an identity provider: its JWTs, checked against its published keys."""

import math
from dataclasses import dataclass, field
from typing import Any

import jwt

from query.asker import Asker, Link, Mandate
from query.capabilities.jwks import KeySet, from_file, from_url
from query.principal import Principal
from query.tokens import CLOCK_SKEW_S, ISSUER, revocation_id
from schemas.errors import Misconfigured, Unauthenticated
from schemas.settings import Settings

ALGORITHMS = ("RS256", "ES256", "EdDSA")
TYPES = (None, "jwt", "at+jwt", "application/at+jwt")
_OWN_KEYS = frozenset({"jku", "jwk", "x5u", "x5c", "crit"})
"""Headers by which a token would choose its own key, or change what checking means."""
LONGEST = 256


@dataclass(frozen=True, slots=True)
class Claims:
    """Which claims say who it is. `agent` may be empty: no program is named then."""

    subject: str = "sub"
    tenant: str = "tenant"
    agent: str = ""
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider whose tokens for `audience` are accepted."""

    issuer: str
    audience: str
    keys: KeySet
    claims: Claims = field(default_factory=Claims)


def verify(token: str, provider: Provider, now: float) -> Asker:
    """Whom the token speaks for at `now` (seconds since 1970). Raises Unauthenticated, never saying why."""
    try:
        header = jwt.get_unverified_header(token)
        algorithm, key_id = header["alg"], header["kid"]
        if algorithm not in ALGORITHMS or _OWN_KEYS & header.keys() or _kind(header) not in TYPES:
            raise ValueError("a header we do not accept")
        key = provider.keys.find(_text(key_id), algorithm)
        if key is None:
            raise ValueError("an unknown key")
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=provider.audience,
            issuer=provider.issuer,
            # Times are checked below, on the clock that was handed in.
            options={
                "require": ["iss", "aud", "exp"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_sub": False,
            },
        )
        return _asker(claims, token, provider.claims, now)
    except (jwt.PyJWTError, Misconfigured, KeyError, ValueError, TypeError, RecursionError):
        raise Unauthenticated() from None


def provider_of(settings: Settings) -> Provider | None:
    """The provider that the settings name; None without one. Raises Misconfigured for half of one."""
    file, url = settings.oidc_jwks_file, settings.oidc_jwks_url
    if not settings.oidc_issuer:
        if file or url or settings.oidc_audience:
            raise Misconfigured("FRESHLINE_OIDC_ISSUER is missing, so no token of an identity provider could count")
        return None
    if settings.oidc_issuer == ISSUER:
        raise Misconfigured(f"FRESHLINE_OIDC_ISSUER: {ISSUER!r} is the issuer of our own tokens")
    if not settings.oidc_audience or (file is None) == (not url):
        raise Misconfigured("set FRESHLINE_OIDC_AUDIENCE, and one of FRESHLINE_OIDC_JWKS_FILE and …_JWKS_URL")
    keys = KeySet(from_url(url) if file is None else from_file(file))
    attributes = tuple(name.strip() for name in settings.oidc_attribute_claims.split(",") if name.strip())
    claims = Claims(settings.oidc_subject_claim, settings.oidc_tenant_claim, settings.oidc_agent_claim, attributes)
    return Provider(settings.oidc_issuer, settings.oidc_audience, keys, claims)


def _asker(claims: dict[str, Any], token: str, names: Claims, now: float) -> Asker:
    ends = _time(claims["exp"])
    if ends <= now or any(_time(claims.get(name, 0)) > now + CLOCK_SKEW_S for name in ("nbf", "iat")):
        raise ValueError("not valid now")
    agent = _text(claims[names.agent]) if names.agent and names.agent in claims else ""
    principal = Principal(_text(claims[names.subject]), _text(claims[names.tenant]), agent)
    link = Link(agent or principal.subject, revocation_id(claims, token))
    attributes = {name: _text(claims[name]) for name in names.attributes if name in claims}
    return Asker(principal, Mandate(chain=(link,), expires_ms=int(ends * 1000)), attributes)


def _kind(header: dict[str, Any]) -> str | None:
    kind = header.get("typ")
    return None if kind is None else _text(kind).lower()


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > LONGEST:
        raise TypeError("not text")
    return value


def _time(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("not a time")
    return float(value)
