"""Who is at the door: one check for every kind of token."""

from dataclasses import dataclass
from pathlib import Path

import jwt

from query.asker import Asker
from query.capabilities import oidc
from query.capabilities import verify as capability
from query.capabilities.issue import MOST_CHARACTERS
from query.capabilities.keys import roots
from query.capabilities.revoked import Revocations
from query.clock import Clock
from query.tokens import ISSUER, load_public_keys
from query.tokens import verify as verify_own
from schemas.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class Identity:
    """Checks tokens against the keys that are in the folder now, so that a removed key counts no more.

    `lag_limit_s`: a list of revocations that was complete longer ago lets nobody in.
    """

    keys: Path
    audience: str
    sources: frozenset[str]
    revocations: Revocations
    lag_limit_s: float
    clock: Clock
    provider: oidc.Provider | None = None

    def __call__(self, token: str) -> Asker:
        """Whom the token speaks for. May wait for an identity provider, so not for an event loop.

        Raises Unauthenticated, never saying why, and PermissionsUnknown while it is not known what is revoked.
        """
        now = self.clock()
        if len(token) > MOST_CHARACTERS:
            raise Unauthenticated()
        asker = self._asker(token, now.wall_ms / 1000)
        self.revocations.require_good((link.revocation_id for link in asker.mandate.chain), self.lag_limit_s, now)
        return asker

    def _asker(self, token: str, now: float) -> Asker:
        """A dot stands in every JWT and in no capability. Whose JWT it is, is checked by whoever it claims."""
        if "." in token and self.provider is not None and claimed_issuer(token) != ISSUER:
            return oidc.verify(token, self.provider, now)
        keys = load_public_keys(self.keys)
        if "." in token:
            return verify_own(token, keys, self.audience, now)
        return capability.verify(token, capability.Verifier(roots(keys), self.audience, self.sources), now)


def claimed_issuer(token: str) -> str:
    """Who a JWT says made it: not verified. Empty for what is no JWT."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return ""
    issuer = claims.get("iss", "")
    return issuer if isinstance(issuer, str) else ""
