"""Tokens of an identity provider: whose keys, which algorithms, which claims."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from idp_stage import ALGORITHMS, AUDIENCE, EC, ISSUER, NOW, RSA, Idp, claims, jwk, token

from query.capabilities.oidc import Claims, provider_of
from query.principal import Principal
from schemas.errors import Misconfigured, Unauthenticated
from schemas.settings import Settings


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_the_provider_says_who_asks(algorithm: str) -> None:
    asker = Idp().verify(token(algorithm, azp="support-bot"))
    assert asker.principal == Principal("alice@acme.example", "acme", "support-bot")
    assert asker.attributes == {"department": "sales"}
    assert asker.mandate.expires_ms == (NOW + 60) * 1000
    assert [(link.holder, link.revocation_id) for link in asker.mandate.chain] == [("support-bot", "t1")]


def test_a_service_is_known_by_whatever_claim_the_settings_name() -> None:
    asker = Idp().verify(token(email=None, client="batch"), Claims("client", "org"))
    assert asker.principal == Principal("batch", "acme")


def test_a_token_without_id_is_revoked_by_what_it_signs() -> None:
    first, second = (Idp().verify(token(jti=None, **changed)) for changed in ({}, {"nonce": "2"}))
    ids = [asker.mandate.chain[0].revocation_id for asker in (first, second)]
    assert len(set(ids)) == 2
    assert all(name.startswith("sha256:") for name in ids)


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned() -> str:
    return f"{encoded({'alg': 'none', 'kid': 'RS256'})}.{encoded(claims())}."


def public_key_as_secret(algorithm: str) -> str:
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = f"{encoded({'alg': algorithm, 'kid': 'RS256'})}.{encoded(claims())}"
    mark = hmac.new(pem, body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


STRANGER = ec.generate_private_key(ec.SECP256R1())
REFUSED = {
    "empty": "",
    "dots": "..",
    "unsigned": unsigned(),
    "HS256 with the public key": public_key_as_secret("HS256"),
    "HS256 said to be RS256": public_key_as_secret("RS256"),
    "RS512": token("RS256", headers={"alg": "RS512"}),
    "an algorithm that is not the key's": token("ES256", headers={"kid": "RS256"}),
    "a stranger's key": token("ES256", STRANGER),
    "a stranger's key it brings along": token("ES256", STRANGER, {"jwk": jwk(STRANGER, "ES256")}),
    "its own key set": token(headers={"jku": "https://id.example/keys"}),
    "its own certificate": token(headers={"x5u": "https://id.example/cert"}),
    "critical headers": token(headers={"crit": ["exp"]}),
    "no key id": jwt.encode(claims(), EC, "ES256"),
    "a path as key id": token(headers={"kid": "../../keys/ES256"}),
    "a very long key id": token(headers={"kid": "x" * 1000}),
    "another type": token(headers={"typ": "logout+jwt"}),
    "expired": token(exp=NOW),
    "not yet valid": token(nbf=NOW + 60),
    "issued in the future": token(iat=NOW + 60),
    "never expires": token(exp=None),
    "never expires, as a number": token(exp=float("inf")),
    "true as time": token(exp=True),
    "other issuer": token(iss="https://id.example/other"),
    "other audience": token(aud="billing"),
    "no audience": token(aud=None),
    "no subject": token(email=None),
    "no tenant": token(org=None),
    "subject is a number": token(email=7),
    "subject is everyone": token(email="*"),
    "subject is a group": token(email="team:7#member"),
    "subject has a line break": token(email="a\nb"),
    "tenant is a list": token(org=["acme", "globex"]),
    "attribute is a list": token(department=["sales", "board"]),
    "agent is a number": token(azp=7),
    "id is a list": token(jti=["t1"]),
}


@pytest.mark.parametrize("bad", REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_refused_without_a_hint(bad: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        Idp().verify(bad)
    assert str(refused.value) == "A valid token is required."
    assert refused.value.__cause__ is None


COMPLETE = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks_url": "https://id.example/keys"}


@pytest.mark.parametrize(
    "changed",
    [
        {"oidc_issuer": ""},
        {"oidc_issuer": "freshline"},
        {"oidc_audience": ""},
        {"oidc_jwks_url": ""},
        {"oidc_jwks_file": "keys.json"},
    ],
)
def test_half_a_provider_is_a_mistake_in_words(changed: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="FRESHLINE_OIDC"):
        provider_of(Settings.model_validate({**COMPLETE, **changed}))


def test_the_settings_name_the_provider_and_its_claims() -> None:
    assert provider_of(Settings()) is None
    names = {"FRESHLINE_OIDC_SUBJECT_CLAIM": "email", "FRESHLINE_OIDC_ATTRIBUTE_CLAIMS": "department, region"}
    environ = {f"FRESHLINE_{name.upper()}": value for name, value in COMPLETE.items()} | names
    provider = provider_of(Settings.load(environ))
    assert provider is not None
    assert (provider.issuer, provider.audience) == (ISSUER, AUDIENCE)
    assert provider.claims == Claims("email", "tenant", "", ("department", "region"))
