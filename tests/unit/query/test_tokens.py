import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from query.principal import Principal
from query.tokens import (
    ALGORITHM,
    CLOCK_SKEW_S,
    generate_keys,
    key_id,
    load_public_keys,
    load_signing_key,
    mint,
    verify,
)
from schemas.errors import Misconfigured, Unauthenticated

NOW = 1_800_000_000.0
AUDIENCE = "freshline"
ALICE = Principal("alice@acme.example", "acme", "support-bot")
KEY = Ed25519PrivateKey.generate()
KEYS = {key_id(KEY.public_key()): KEY.public_key()}


def signed(claims: dict[str, Any] | None = None, key: Any = KEY, **changes: Any) -> str:
    """A token like a minted one, with claims changed; a change to None takes the claim away."""
    whole = claims or jwt.decode(mint(KEY, ALICE, AUDIENCE, 60, NOW), options={"verify_signature": False}) | changes
    kept = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(kept, key, algorithm=ALGORITHM, headers={"kid": key_id(KEY.public_key())})


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned() -> str:
    claims = signed().split(".")[1]
    return f"{encoded({'alg': 'none', 'typ': 'JWT', 'kid': key_id(KEY.public_key())})}.{claims}."


def signed_with_public_key_as_secret() -> str:
    import hashlib
    import hmac

    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = encoded({"alg": "HS256", "typ": "JWT", "kid": key_id(KEY.public_key())})
    body = f"{head}.{signed().split('.')[1]}"
    mark = hmac.new(pem, body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def with_other_claims() -> str:
    head, _, mark = signed().split(".")
    return f"{head}.{signed(sub='root@acme.example').split('.')[1]}.{mark}"


def test_a_minted_token_says_who_asks() -> None:
    asker = verify(mint(KEY, ALICE, AUDIENCE, 60, NOW), KEYS, AUDIENCE, NOW + 59)
    assert asker.principal == ALICE
    assert asker.mandate.expires_ms == (NOW + 60) * 1000


def test_each_token_can_be_revoked_alone() -> None:
    tokens = [mint(KEY, ALICE, AUDIENCE, 60, NOW) for _ in range(2)]
    ids = [link.revocation_id for token in tokens for link in verify(token, KEYS, AUDIENCE, NOW).mandate.chain]
    assert len(set(ids)) == 2


REFUSED = {
    "empty": "",
    "not a token": "alice",
    "three dots of nothing": "..",
    "unsigned": unsigned(),
    "public key as secret": signed_with_public_key_as_secret(),
    "claims exchanged": with_other_claims(),
    "other key under the same id": signed(key=Ed25519PrivateKey.generate()),
    "unknown key": mint(Ed25519PrivateKey.generate(), ALICE, AUDIENCE, 60, NOW),
    "expired": mint(KEY, ALICE, AUDIENCE, 60, NOW - 60),
    "not yet valid": mint(KEY, ALICE, AUDIENCE, 60, NOW + CLOCK_SKEW_S + 1),
    "other audience": mint(KEY, ALICE, "billing", 60, NOW),
    "other issuer": signed(iss="somebody"),
    "never expires": signed(exp=float("nan")),
    "true as time": signed(exp=True),
    "subject is a number": signed(sub=7),
    "id is a number": signed(jti=7),
    "id is empty": signed(jti=""),
    "id is too long": signed(jti="x" * 257),
    "subject is everyone": signed(sub="*"),
    "subject is a group": signed(sub="team:7#member"),
    "subject is empty": signed(sub=""),
    "tenant is a list": signed(tenant=["acme"]),
    "agent is a list": signed(agent=["bot"]),
    **{
        f"without {name}": signed(**{name: None})
        for name in ("iss", "aud", "sub", "tenant", "iat", "nbf", "exp", "jti")
    },
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_refused_without_a_hint(token: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        verify(token, KEYS, AUDIENCE, NOW)
    assert str(refused.value) == "A valid token is required."
    assert refused.value.__cause__ is None


def test_keys_are_made_once_and_the_private_one_is_for_its_owner_only(tmp_path: Path) -> None:
    public = generate_keys(tmp_path / "keys")
    assert (tmp_path / "keys" / "signing.pem").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "keys" / "signing.pem").read_bytes()
    with pytest.raises(Misconfigured, match="keys rotate"):
        generate_keys(tmp_path / "keys")
    assert (tmp_path / "keys" / "signing.pem").read_bytes() == before
    assert [public] == list((tmp_path / "keys").glob("*.pub.pem"))


def test_after_a_rotation_old_tokens_count_until_the_old_public_key_is_removed(tmp_path: Path) -> None:
    old_public = generate_keys(tmp_path)
    old = mint(load_signing_key(tmp_path), ALICE, AUDIENCE, 60, NOW)
    (tmp_path / "signing.pem").unlink()
    generate_keys(tmp_path)
    new = mint(load_signing_key(tmp_path), ALICE, AUDIENCE, 60, NOW)
    assert [verify(t, load_public_keys(tmp_path), AUDIENCE, NOW).principal for t in (old, new)] == [ALICE, ALICE]
    old_public.unlink()
    assert verify(new, load_public_keys(tmp_path), AUDIENCE, NOW).principal == ALICE
    with pytest.raises(Unauthenticated):
        verify(old, load_public_keys(tmp_path), AUDIENCE, NOW)


def test_a_folder_without_usable_keys_is_a_mistake_in_words(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no public key"):
        load_public_keys(tmp_path)
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_signing_key(tmp_path)
    (tmp_path / "signing.pem").write_text("secret words")
    with pytest.raises(Misconfigured) as wrong:
        load_signing_key(tmp_path)
    assert "secret words" not in str(wrong.value)


def test_a_public_key_under_another_keys_name_is_refused(tmp_path: Path) -> None:
    generate_keys(tmp_path).rename(tmp_path / "0123456789abcdef.pub.pem")
    with pytest.raises(Misconfigured, match="not the Ed25519 key its name says"):
        load_public_keys(tmp_path)


def test_what_is_in_the_folder_of_keys_counts_each_time_also_of_keys_that_were_read_before(tmp_path: Path) -> None:
    first, second = generate_keys(tmp_path), KEY.public_key()
    pem = second.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    added = tmp_path / f"{key_id(second)}.pub.pem"
    added.write_bytes(pem)
    assert load_public_keys(tmp_path).keys() == {first.name.partition(".")[0], key_id(second)}
    first.unlink()
    assert load_public_keys(tmp_path).keys() == {key_id(second)}
    added.rename(first)
    with pytest.raises(Misconfigured, match="not the Ed25519 key its name says"):
        load_public_keys(tmp_path)
    first.write_bytes(b"no key")
    with pytest.raises(Misconfigured, match="not a public key"):
        load_public_keys(tmp_path)
    first.unlink()
    with pytest.raises(Misconfigured, match="no public key"):
        load_public_keys(tmp_path)
    with pytest.raises(Misconfigured, match="no public key"):
        load_public_keys(tmp_path / "nowhere")
