"""The key that seals the decision log, and the checks that need its public part only.

A folder of its own (`<home>/keys/audit`), because any public key beside those of tokens would vouch for tokens too.
It has `audit.pem`, readable by its owner only, and `audit.pub.pem` with every public key that ever sealed. To rotate:
remove audit.pem; the next start makes another and adds its public key. Keep a copy of the public keys elsewhere.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from query.own_file import write_once
from query.tokens import key_id, load_private_key
from schemas.decision import Head
from schemas.errors import Misconfigured

PRIVATE, PUBLIC = "audit.pem", "audit.pub.pem"
_BLOCK = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----\n?", re.DOTALL)

PublicKeys = Sequence[Ed25519PublicKey]


def audit_folder(home: Path) -> Path:
    return home / "keys" / "audit"


def load_or_make_key(folder: Path) -> Ed25519PrivateKey:
    """The sealing key, made on first use, also by several processes at once. Raises Misconfigured."""
    path = folder / PRIVATE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            write_once(path, _new_key())
    except OSError as error:
        raise Misconfigured(f"the key {path} that seals the decision log is not usable: {error.strerror}") from None
    key = load_private_key(path)
    _publish(key.public_key(), folder / PUBLIC)
    return key


def load_public(path: Path) -> list[Ed25519PublicKey]:
    """Every public key a file holds. Raises Misconfigured for none, or one that is no Ed25519 key."""
    try:
        blocks = _BLOCK.findall(path.read_bytes())
        keys = [load_pem_public_key(block) for block in blocks]
    except OSError as error:
        raise Misconfigured(f"the public key {path} cannot be read: {error.strerror}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Misconfigured(f"{path} is not a public key in PEM") from None
    found = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if not found or len(found) != len(keys):
        raise Misconfigured(f"{path} does not hold Ed25519 public keys in PEM")
    return found


def seal(key: Ed25519PrivateKey, leaf: bytes) -> bytes:
    """The signature of one entry, over its leaf's hash."""
    return key.sign(_sealed(leaf))


def is_sealed(keys: PublicKeys, leaf: bytes, signature: bytes) -> bool:
    return _signed_by_any(keys, signature, _sealed(leaf))


def sign_head(key: Ed25519PrivateKey, at_ms: int, size: int, peaks: Sequence[bytes], root: bytes) -> Head:
    unsigned = Head(
        size=size,
        root=root.hex(),
        at_ms=at_ms,
        peaks=tuple(peak.hex() for peak in peaks),
        key=key_id(key.public_key()),
        signature="",
    )
    return unsigned.model_copy(update={"signature": key.sign(_head_bytes(unsigned)).hex()})


def is_signed(keys: PublicKeys, head: Head) -> bool:
    """Size, root and time are as the key's owner signed them. `peaks` are not covered: they must fold to the root."""
    try:
        return _signed_by_any(keys, bytes.fromhex(head.signature), _head_bytes(head))
    except ValueError:
        return False


def _sealed(leaf: bytes) -> bytes:
    return b"freshline decision log, entry 1\n" + leaf


def _head_bytes(head: Head) -> bytes:
    return f"freshline decision log, tree head 1\n{head.size}\n{head.root}\n{head.at_ms}\n".encode()


def _signed_by_any(keys: PublicKeys, signature: bytes, message: bytes) -> bool:
    for key in keys:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            continue
        return True
    return False


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _publish(key: Ed25519PublicKey, path: Path) -> None:
    text = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if not path.exists() or text.strip() not in path.read_bytes():
        with path.open("ab") as file:
            file.write(text)
