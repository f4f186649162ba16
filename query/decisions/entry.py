"""One entry of the decision log: an envelope that stays, its seal, and a payload that can be erased."""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel

from query.decisions.keys import seal
from query.decisions.tree import leaf_hash
from schemas.decision import Envelope, Line

SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Payload:
    """JSON text and its salt: without the salt nobody can tell from the hash whether a guess is right."""

    salt: bytes
    body: str

    @classmethod
    def of(cls, record: BaseModel) -> Self:
        return cls(secrets.token_bytes(SALT_BYTES), record.model_dump_json())

    @property
    def hash(self) -> str:
        return sha256(self.salt + self.body.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it has its place: the envelope's sequence is not yet known."""

    envelope: Envelope
    payload: Payload | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """`envelope` is the text as it was sealed. A payload that should be there and is None was erased, or taken."""

    sequence: int
    envelope: str
    seal: bytes
    payload: Payload | None = None

    @property
    def leaf(self) -> bytes:
        return leaf_hash(self.envelope.encode())

    def opened(self) -> Envelope:
        """Raises ValueError for what is no envelope."""
        return Envelope.model_validate_json(self.envelope)

    def line(self, with_payload: bool = False) -> Line:
        """As it is copied and exported."""
        shown = self.payload if with_payload else None
        return Line(
            envelope=self.envelope,
            seal=self.seal.hex(),
            salt=shown.salt.hex() if shown else None,
            payload=shown.body if shown else None,
        )

    @classmethod
    def of(cls, line: Line) -> Self:
        """Raises ValueError for what is no line of a log."""
        payload = None
        if line.payload is not None and line.salt is not None:
            payload = Payload(bytes.fromhex(line.salt), line.payload)
        sequence = Envelope.model_validate_json(line.envelope).sequence
        return cls(sequence, line.envelope, bytes.fromhex(line.seal), payload)


def new_id() -> str:
    """A record's id: nobody can guess one."""
    return secrets.token_hex(16)


def sealed(draft: Draft, sequence: int, key: Ed25519PrivateKey) -> Entry:
    """The draft at its place. Takes about 0.1 ms, most of it the signature."""
    envelope = draft.envelope.model_copy(update={"sequence": sequence}).model_dump_json(exclude_defaults=True)
    return Entry(sequence, envelope, seal(key, leaf_hash(envelope.encode())), draft.payload)
