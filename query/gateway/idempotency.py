"""Idempotency-Key: a POST that was sent twice is done once.

What is made gets an id that follows from who asks and from the key. So the store in which it is kept is also the memory
of the key: as durable as it, over restarts, without a second one. A key belongs to a principal and the hands its token
went through; any other asker's same key is another one.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Annotated

from fastapi import Header

from query.asker import Asker
from query.gateway.refusals import KeyInFlight
from schemas.errors import InvalidQuestion

MOST = 200
_KEY = re.compile(rf"[\x21-\x7e]{{1,{MOST}}}")


def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Of your choice, for example a UUID: the same request again, with the same key, is done once.",
            min_length=1,
            max_length=MOST,
            pattern=r"^[!-~]+$",
        ),
    ] = None,
) -> str | None:
    """The request's key, if it has one; for `Depends`."""
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidQuestion(f"Idempotency-Key: 1 to {MOST} visible ASCII characters")
    return key


def derived_id(secret: bytes, purpose: str, asker: Asker, key: str) -> str:
    """The id (32 hex digits) of what this asker makes with this key; nobody without the secret can guess it."""
    who, chain = asker.principal, [link.revocation_id for link in asker.mandate.chain]
    named = [purpose, who.tenant, who.subject, who.agent, *chain, key]
    said = b"".join(len(each.encode()).to_bytes(4, "big") + each.encode() for each in named)
    return hmac.new(secret, said, hashlib.sha256).hexdigest()[:32]


class InFlight:
    """One request at a time under one id, within this process; beyond it, the store's unique ids decide."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ids: set[str] = set()

    @contextmanager
    def alone(self, made_id: str) -> Iterator[None]:
        """Raises KeyInFlight while another has it."""
        with self._lock:
            if made_id in self._ids:
                raise KeyInFlight()
            self._ids.add(made_id)
        try:
            yield
        finally:
            with self._lock:
                self._ids.discard(made_id)
