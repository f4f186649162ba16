"""What the Biscuit library can do and its type stubs do not say, in one place."""

from datetime import timedelta
from typing import Any

import biscuit_auth
from biscuit_auth import AuthorizerBuilder, PrivateKey, PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_untyped: Any = biscuit_auth


def public_key(key: Ed25519PublicKey) -> PublicKey:
    """A key as the library takes it."""
    found: PublicKey = _untyped.PublicKey.from_bytes(key.public_bytes_raw(), _untyped.Algorithm.Ed25519)
    return found


def private_key(key: Ed25519PrivateKey) -> PrivateKey:
    """A key as the library takes it."""
    found: PrivateKey = _untyped.PrivateKey.from_bytes(key.private_bytes_raw(), _untyped.Algorithm.Ed25519)
    return found


def limit(builder: AuthorizerBuilder, seconds: float) -> None:
    """End a run after so much time with an AuthorizationError; the library's own limit is a millisecond."""
    untyped: Any = builder
    limits = untyped.limits()
    limits.max_time = timedelta(seconds=seconds)
    untyped.set_limits(limits)
