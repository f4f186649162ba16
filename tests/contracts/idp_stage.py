"""An identity provider in memory, and its tokens."""

import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from query.asker import Asker
from query.capabilities.jwks import KeySet
from query.capabilities.oidc import Claims, Provider, verify
from schemas.errors import Unavailable

NOW = 1_800_000_000.0
ISSUER, AUDIENCE = "https://id.example/realm", "freshline-api"
RSA = rsa.generate_private_key(65537, 2048)
SMALL = rsa.generate_private_key(65537, 1024)
EC = ec.generate_private_key(ec.SECP256R1())
ED = Ed25519PrivateKey.generate()
ALGORITHMS = {"RS256": RSA, "ES256": EC, "EdDSA": ED}
CLAIMS = Claims("email", "org", "azp", ("department",))


def jwk(private: Any, kid: str, **changed: Any) -> dict[str, Any]:
    kinds = {rsa.RSAPrivateKey: "RSAAlgorithm", ec.EllipticCurvePrivateKey: "ECAlgorithm"}
    kind = next((name for key, name in kinds.items() if isinstance(private, key)), "OKPAlgorithm")
    return {**getattr(jwt.algorithms, kind).to_jwk(private.public_key(), as_dict=True), "kid": kid, **changed}


DOCUMENT = {"keys": [jwk(key, name) for name, key in ALGORITHMS.items()]}


class Idp:
    """An identity provider in memory: `document` is what it serves now, `asked` how often it was asked."""

    def __init__(self, document: Any = DOCUMENT) -> None:
        self.document = document
        self.asked = 0
        self.now = 1000.0
        self.keys = KeySet(self.fetch, lambda: self.now)

    def fetch(self) -> bytes:
        self.asked += 1
        if self.document is None:
            raise Unavailable("the identity provider", "no route")
        return json.dumps(self.document).encode()

    def verify(self, token: str, claims: Claims = CLAIMS) -> Asker:
        return verify(token, Provider(ISSUER, AUDIENCE, self.keys, claims), NOW)


def claims(**changed: Any) -> dict[str, Any]:
    whole = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "0042",
        "email": "alice@acme.example",
        "org": "acme",
        "department": "sales",
        "iat": NOW,
        "exp": NOW + 60,
        "jti": "t1",
    } | changed
    return {name: value for name, value in whole.items() if value is not None}


def token(algorithm: str = "ES256", key: Any = None, headers: dict[str, Any] | None = None, **changed: Any) -> str:
    private = key or ALGORITHMS[algorithm]
    return jwt.encode(claims(**changed), private, algorithm, headers={"kid": algorithm, **(headers or {})})
