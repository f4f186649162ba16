"""A provider's keys: which are of use, and how often it is asked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from idp_stage import DOCUMENT, EC, ED, RSA, SMALL, Idp, jwk, token

from query.capabilities import jwks
from query.capabilities.jwks import from_file, from_url, usable_keys
from schemas.errors import Misconfigured, Unauthenticated, Unavailable


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a"},
        jwk(RSA, "a", use="enc"),
        jwk(RSA, "a", alg="RS512"),
        jwk(SMALL, "a"),
        jwk(ec.generate_private_key(ec.SECP384R1()), "a"),
        {**jwk(ED, "a"), "d": "secret"},
        {"kty": "RSA", "kid": "a"},
        {"kid": 7},
        "text",
    ],
    ids=["secret", "encryption", "RS512", "small", "P-384", "private", "no numbers", "no type", "text"],
)
def test_keys_that_are_not_for_signing_by_our_algorithms_are_left_out(key: Any) -> None:
    assert usable_keys(json.dumps({"keys": [key, jwk(EC, "b")]}).encode()).keys() == {("b", "ES256")}


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}' + b" " * jwks.MOST_BYTES])
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(Misconfigured):
        usable_keys(document)


def test_keys_are_fetched_once_for_many_tokens() -> None:
    idp = Idp()
    for _ in range(5):
        idp.verify(token())
    assert idp.asked == 1


def test_a_key_that_came_after_is_found_and_one_that_went_counts_no_more() -> None:
    idp = Idp({"keys": [jwk(EC, "old")]})
    old, new = (token(headers={"kid": kid}) for kid in ("old", "new"))
    idp.verify(old)
    idp.document = {"keys": [jwk(EC, "new")]}
    idp.now += jwks.RETRY_S
    idp.verify(new)
    with pytest.raises(Unauthenticated):
        idp.verify(old)


def test_a_key_that_was_withdrawn_counts_no_longer_than_keys_stay_fresh() -> None:
    idp = Idp()
    idp.verify(token())
    idp.document = {"keys": []}
    idp.now += jwks.FRESH_S + 1
    with pytest.raises(Unauthenticated):
        idp.verify(token())


def test_unknown_keys_make_nobody_ask_the_provider_more_often_than_allowed() -> None:
    idp = Idp()
    for number in range(50):
        with pytest.raises(Unauthenticated):
            idp.verify(token(headers={"kid": f"made-up-{number}"}))
    assert idp.asked == 1
    idp.now += jwks.RETRY_S
    with pytest.raises(Unauthenticated):
        idp.verify(token(headers={"kid": "made-up"}))
    assert idp.asked == 2


@pytest.mark.parametrize("document", [None, {}, {"keys": 7}])
def test_a_provider_that_fails_leaves_known_keys_for_a_day_and_no_longer(document: Any) -> None:
    idp = Idp()
    idp.verify(token())
    idp.document = document
    idp.now += jwks.USABLE_S
    idp.verify(token())
    idp.now += 1
    with pytest.raises(Unauthenticated):
        idp.verify(token())


def test_a_provider_that_never_answered_lets_nobody_in() -> None:
    idp = Idp(None)
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            idp.verify(token())
    assert idp.asked == 1


def test_keys_in_a_file_are_read_and_a_missing_one_says_so(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    with pytest.raises(Unavailable, match=r"jwks\.json"):
        from_file(file)()
    file.write_text(json.dumps(DOCUMENT))
    assert len(usable_keys(from_file(file)())) == 3
    file.write_bytes(b" " * (jwks.MOST_BYTES * 2))
    assert len(from_file(file)()) == jwks.MOST_BYTES + 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "jwks.json",
        "file:///etc/passwd",
        "ftp://id.example/keys",
        "http://id.example/keys",
        "http://127.0.0.1.id.example/keys",
        "https://user:secret@id.example/keys",
        "https://",
        "http://[::1",
    ],
)
def test_only_https_without_a_password_is_fetched(url: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        from_url(url)
    assert "secret" not in str(wrong.value)


@pytest.mark.parametrize("url", ["https://id.example/keys", "http://127.0.0.1:8080/keys", "http://localhost/keys"])
def test_https_and_loopback_are_accepted(url: str) -> None:
    assert callable(from_url(url))


def test_one_thread_asks_the_provider_while_others_go_on_with_what_is_known() -> None:
    idp = Idp()
    idp.verify(token())
    idp.now += jwks.FRESH_S + 1
    inner: list[Callable[[], Any]] = []

    def slow() -> bytes:
        inner.append(idp.verify(token()))
        return json.dumps(DOCUMENT).encode()

    idp.keys._fetch = slow
    idp.verify(token())
    assert len(inner) == 1
