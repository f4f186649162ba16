"""The keys folder over time: a new signing key, the public keys that still count, and taking one away.

One folder serves both kinds of token: a JWT names its key by `kid`, a capability by the first 32 bits of the same id.
A token counts as long as the public key of what signed it is in the folder; the API looks there for each token.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from biscuit_auth import PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from query.capabilities.issue import root_id
from query.capabilities.library import public_key
from query.tokens import PUBLIC_SUFFIX, SIGNING_KEY, generate_keys, key_id, load_public_keys, load_signing_key
from schemas.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Key:
    """`since_s`: when it came into the folder, seconds since 1970. `signs`: new tokens are signed with it."""

    id: str
    signs: bool
    since_s: float


def rotate(folder: Path) -> str:
    """Sign with a new key from now on; returns its id. Tokens of the old one count until it is retired.

    The public key is there before anything is signed with it. Raises Misconfigured if there is no key to follow.
    """
    load_signing_key(folder)
    with TemporaryDirectory(dir=folder, prefix=".new-") as made:
        public = generate_keys(Path(made))
        os.replace(public, folder / public.name)
        os.replace(Path(made) / SIGNING_KEY, folder / SIGNING_KEY)
    return public.name.removesuffix(PUBLIC_SUFFIX)


def retire(folder: Path, key: str) -> None:
    """Refuse whatever a key signed, from now on. Raises Misconfigured for the signing key, or one that is not there."""
    known = {one.id: one for one in listed(folder)}
    if key not in known:
        raise Misconfigured(f"there is no key {key!r}; known: {', '.join(known)}")
    if known[key].signs:
        raise Misconfigured(f"{key} signs new tokens; rotate first: freshline tokens keys rotate")
    (folder / f"{key}{PUBLIC_SUFFIX}").unlink()


def listed(folder: Path) -> list[Key]:
    """Every key that counts, the oldest first. Raises Misconfigured for a folder that cannot be used."""
    signing = key_id(load_signing_key(folder).public_key()) if (folder / SIGNING_KEY).exists() else ""
    files = {key: folder / f"{key}{PUBLIC_SUFFIX}" for key in load_public_keys(folder)}
    found = [Key(key, key == signing, file.stat().st_mtime) for key, file in files.items()]
    return sorted(found, key=lambda key: (key.since_s, key.id))


def roots(keys: Mapping[str, Ed25519PublicKey]) -> dict[int, PublicKey]:
    """The same keys as capabilities name them."""
    return {root_id(key): public_key(public) for key, public in keys.items()}
