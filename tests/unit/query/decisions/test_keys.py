"""The key that seals the log: made once, kept to its owner, rotated without losing what it vouched for."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from query.decisions.keys import (
    PRIVATE,
    PUBLIC,
    audit_folder,
    is_sealed,
    is_signed,
    load_or_make_key,
    load_public,
    seal,
    sign_head,
)
from query.tokens import generate_keys, load_public_keys
from schemas.errors import Misconfigured

LEAF = b"l" * 32


def test_the_key_is_made_on_first_use_and_stays(tmp_path: Path) -> None:
    first = load_or_make_key(tmp_path / "audit")
    again = load_or_make_key(tmp_path / "audit")
    assert is_sealed(load_public(tmp_path / "audit" / PUBLIC), LEAF, seal(again, LEAF))
    assert first.private_bytes_raw() == again.private_bytes_raw()
    assert (tmp_path / "audit" / PRIVATE).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "audit").iterdir()) == [PRIVATE, PUBLIC]


def test_several_that_make_it_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(load_or_make_key, [tmp_path] * 8))
    assert len({key.private_bytes_raw() for key in made}) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [PRIVATE, PUBLIC]


def test_after_a_rotation_both_public_keys_vouch_each_for_its_own(tmp_path: Path) -> None:
    old = load_or_make_key(tmp_path)
    (tmp_path / PRIVATE).unlink()
    new = load_or_make_key(tmp_path)
    keys = load_public(tmp_path / PUBLIC)
    assert len(keys) == 2
    assert is_sealed(keys, LEAF, seal(old, LEAF))
    assert is_sealed(keys, LEAF, seal(new, LEAF))
    assert not is_sealed(keys[:1], LEAF, seal(new, LEAF))


def test_a_key_that_seals_the_log_vouches_for_no_token(tmp_path: Path) -> None:
    generate_keys(tmp_path / "keys")
    mine = load_or_make_key(audit_folder(tmp_path)).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    tokens = load_public_keys(tmp_path / "keys").values()
    assert mine not in [key.public_bytes(Encoding.Raw, PublicFormat.Raw) for key in tokens]


def test_a_seal_is_no_head_and_a_head_no_seal(tmp_path: Path) -> None:
    key = load_or_make_key(tmp_path)
    head = sign_head(key, 1, 1, [LEAF], LEAF)
    assert is_signed([key.public_key()], head)
    assert not is_sealed([key.public_key()], LEAF, bytes.fromhex(head.signature))
    forged = head.model_copy(update={"signature": seal(key, LEAF).hex()})
    assert not is_signed([key.public_key()], forged)


@pytest.mark.parametrize("name", [PRIVATE, PUBLIC])
def test_a_file_that_is_no_key_is_refused_without_showing_it(tmp_path: Path, name: str) -> None:
    load_or_make_key(tmp_path)
    (tmp_path / name).write_text("my secret")
    with pytest.raises(Misconfigured) as refused:
        load_or_make_key(tmp_path) if name == PRIVATE else load_public(tmp_path / name)
    assert "my secret" not in str(refused.value)
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_public(tmp_path / "missing.pem")
