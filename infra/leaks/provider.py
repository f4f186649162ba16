"""An identity provider of the test's own: one key, published in a file, and tokens that vouch for attributes."""

import json
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from infra.leaks.bearer import Bearer

ISSUER, AUDIENCE, KEY = "https://identity.leaks.example", "freshline-leaks", "first"
ATTRIBUTES = ("clearance", "region")
LASTS_S = 3600


class Provider:
    """Its key lives as long as this object; `publish` writes what Freshline checks tokens with."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def publish(self, file: Path) -> dict[str, str]:
        """Write the public key; the variables that make Freshline trust it."""
        jwk = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        file.write_text(json.dumps({"keys": [{**jwk, "kid": KEY}]}))
        return {
            "FRESHLINE_OIDC_ISSUER": ISSUER,
            "FRESHLINE_OIDC_AUDIENCE": AUDIENCE,
            "FRESHLINE_OIDC_JWKS_FILE": str(file),
            "FRESHLINE_OIDC_AGENT_CLAIM": "azp",
            "FRESHLINE_OIDC_ATTRIBUTE_CLAIMS": ",".join(ATTRIBUTES),
        }

    def token(self, bearer: Bearer) -> str:
        """A JWT for the bearer, with its attributes."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": bearer.person,
            "tenant": bearer.tenant,
            "exp": int(time.time()) + LASTS_S,
            **bearer.attributes,
            **({"azp": bearer.agent} if bearer.agent else {}),
        }
        return jwt.encode(claims, self._key, "EdDSA", headers={"kid": KEY})
