"""One door for every kind of token; revoked, it opens to none of them."""

from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from capability_stage import ALICE, AUDIENCE, NOW, NOW_MS, SOURCES, until
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from query.asker import Asker, Mandate
from query.capabilities import keys
from query.capabilities.identity import Identity
from query.capabilities.issue import MOST_CHARACTERS, Charter, attenuate
from query.capabilities.issue import mint as mint_capability
from query.capabilities.jwks import KeySet
from query.capabilities.oidc import Provider
from query.capabilities.revoked import Revocations
from query.clock import Instant
from query.tokens import generate_keys, load_signing_key, mint
from schemas.errors import Misconfigured, PermissionsUnknown, Unauthenticated
from schemas.revocation import Revocation

PROVIDER_KEY = Ed25519PrivateKey.generate()
ISSUER = "https://id.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generate_keys(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def identity(folder: Path) -> Identity:
    revocations = Revocations(lambda: NOW_MS)
    revocations.caught_up(1000.0)
    jwks = jwt.algorithms.OKPAlgorithm.to_jwk(PROVIDER_KEY.public_key())
    document = f'{{"keys": [{jwks[:-1]}, "kid": "a"}}]}}'.encode()
    provider = Provider(ISSUER, "api", KeySet(lambda: document))
    return Identity(folder, AUDIENCE, frozenset(SOURCES), revocations, 15.0, lambda: Instant(NOW_MS, 1000.0), provider)


def own(folder: Path) -> str:
    return mint(load_signing_key(folder), ALICE, AUDIENCE, 60, NOW)


def capability(folder: Path) -> str:
    return mint_capability(load_signing_key(folder), Charter(ALICE, AUDIENCE, until()), NOW)


def foreign(issuer: str = ISSUER, key: Ed25519PrivateKey = PROVIDER_KEY, kid: str = "a") -> str:
    claims = {"iss": issuer, "aud": "api", "sub": ALICE.subject, "tenant": "acme", "exp": NOW + 60, "jti": "j"}
    return jwt.encode(claims, key, "EdDSA", headers={"kid": kid})


def every(folder: Path) -> dict[str, str]:
    less = attenuate(capability(folder), Mandate(rows=1), "x")
    return {"own": own(folder), "capability": capability(folder), "attenuated": less, "provider": foreign()}


def revoke(identity: Identity, name: str) -> None:
    message = Revocation(id=name, revoked_ms=NOW_MS)
    identity.revocations.take(name.encode(), message.model_dump_json().encode())


def test_each_kind_of_token_says_who_asks(identity: Identity, folder: Path) -> None:
    askers = {kind: identity(token) for kind, token in every(folder).items()}
    assert {asker.principal.name for asker in askers.values()} == {ALICE.name}
    assert {asker.principal.tenant for asker in askers.values()} == {"acme"}
    assert askers["attenuated"].mandate.rows == 1


@pytest.mark.parametrize("kind", ["own", "capability", "attenuated", "provider"])
def test_a_revoked_token_of_any_kind_is_refused_when_it_comes_again(
    identity: Identity, folder: Path, kind: str
) -> None:
    token = every(folder)[kind]
    asker = identity(token)
    revoke(identity, asker.mandate.chain[-1].revocation_id)
    with pytest.raises(Unauthenticated):
        identity(token)


def test_revoking_a_hand_ends_what_it_passed_on_and_not_what_it_was_given(identity: Identity, folder: Path) -> None:
    given = capability(folder)
    passed = attenuate(given, Mandate(rows=9), "researcher")
    further, beside = attenuate(passed, Mandate(rows=8), "reader"), attenuate(given, Mandate(rows=9), "writer")
    revoke(identity, identity(passed).mandate.chain[-1].revocation_id)
    assert isinstance(identity(given), Asker)
    assert isinstance(identity(beside), Asker)
    for token in (passed, further):
        with pytest.raises(Unauthenticated):
            identity(token)


def test_while_it_is_not_known_what_is_revoked_no_good_token_counts_and_a_bad_one_learns_nothing(
    identity: Identity, folder: Path
) -> None:
    late = replace(identity, clock=lambda: Instant(NOW_MS, 1000.0 + 15.1))
    for token in every(folder).values():
        with pytest.raises(PermissionsUnknown):
            late(token)
        with pytest.raises(Unauthenticated):
            late(token[:-9])


def test_a_provider_s_key_speaks_for_the_provider_alone(identity: Identity, folder: Path) -> None:
    kid = next(iter(keys.listed(folder))).id
    for forged in (
        foreign(issuer="freshline"),
        foreign(issuer="freshline", kid=kid),
        foreign(issuer="https://evil.example"),
        foreign(key=load_signing_key(folder)),
        foreign(key=load_signing_key(folder), kid=kid),
    ):
        with pytest.raises(Unauthenticated):
            identity(forged)


def test_without_a_provider_only_our_own_tokens_count(identity: Identity, folder: Path) -> None:
    alone = replace(identity, provider=None)
    assert alone(own(folder)).principal == alone(capability(folder)).principal == ALICE
    with pytest.raises(Unauthenticated):
        alone(foreign())


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é", "A" * 50, "A" * (MOST_CHARACTERS + 1), "." * 10**6])
def test_garbage_is_refused_without_a_hint(identity: Identity, token: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        identity(token)
    assert str(refused.value) == "A valid token is required."


def test_after_a_rotation_tokens_of_both_keys_count_until_the_old_one_is_retired(
    identity: Identity, folder: Path
) -> None:
    old = [own(folder), capability(folder)]
    (first,) = keys.listed(folder)
    second = keys.rotate(folder)
    new = [own(folder), capability(folder)]
    assert [identity(token).principal for token in (*old, *new)] == [ALICE] * 4
    assert {(key.id, key.signs) for key in keys.listed(folder)} == {(first.id, False), (second, True)}
    keys.retire(folder, first.id)
    assert [identity(token).principal for token in new] == [ALICE] * 2
    for token in old:
        with pytest.raises(Unauthenticated):
            identity(token)


def test_the_key_that_signs_cannot_be_retired_nor_one_that_is_not_there(folder: Path) -> None:
    (only,) = keys.listed(folder)
    for name, words in ((only.id, "rotate first"), ("../signing", "no key"), ("", "no key")):
        with pytest.raises(Misconfigured, match=words):
            keys.retire(folder, name)
    assert keys.listed(folder) == [only]


def test_a_rotation_leaves_a_private_key_for_its_owner_only_and_nothing_half_made(folder: Path) -> None:
    keys.rotate(folder)
    assert (folder / "signing.pem").stat().st_mode & 0o777 == 0o600
    assert sorted(file.suffix for file in folder.iterdir()) == [".pem"] * 3


def test_there_is_nothing_to_rotate_in_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        keys.rotate(tmp_path)
