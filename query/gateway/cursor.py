"""Opaque cursors: where a listing goes on, sealed so that nobody reads, makes or borrows one.

A cursor is AES-256-GCM over JSON, under a key of this deployment. What it is for is authenticated with it: the kind of
listing, who asked, and what was asked; so a cursor of somebody else, or of another question, opens nothing.
"""

import base64
import binascii
import hashlib
import secrets
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from query.gateway.refusals import InvalidCursor
from query.principal import Principal

VERSION = b"\x01"
NONCE_BYTES = 12
MOST = 4_000
"""Characters of a cursor."""


class Cursors:
    """`secret`: 32 bytes, the same for all processes that serve one API."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(secret)

    def seal(self, kind: str, who: Principal, asked: Any, place: Any) -> str:
        """`asked`, `place`: JSON. The same `kind`, `who` and `asked` open it again."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, orjson.dumps(place), _context(kind, who, asked))
        return base64.urlsafe_b64encode(VERSION + nonce + sealed).rstrip(b"=").decode()

    def open(self, kind: str, who: Principal, asked: Any, cursor: str) -> Any:
        """The place. Raises InvalidCursor, always in the same words."""
        try:
            if len(cursor) > MOST:
                raise ValueError
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            if raw[:1] != VERSION:
                raise ValueError
            nonce, sealed = raw[1 : 1 + NONCE_BYTES], raw[1 + NONCE_BYTES :]
            return orjson.loads(self._cipher.decrypt(nonce, sealed, _context(kind, who, asked)))
        except (ValueError, InvalidTag, binascii.Error):
            raise InvalidCursor() from None


def _context(kind: str, who: Principal, asked: Any) -> bytes:
    named = [kind, who.tenant, who.subject, who.agent, asked]
    return VERSION + hashlib.sha256(orjson.dumps(named, option=orjson.OPT_SORT_KEYS)).digest()
