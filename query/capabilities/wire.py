"""The Biscuit format on the wire, as far as its library leaves it to us: symbols, sealing, appending without a key.

Biscuit is Protocol Buffers: field 1 is the id of the root key, 2 the authority block, 3 each further block, 4 the proof
that the holder may append (1: the secret of the next key) or that nobody may (2: a last signature).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from biscuit_auth import Biscuit, BlockBuilder
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from query.capabilities.library import public_key

Value = int | bytes
ED25519 = 0
DATALOG = 3
"""The least version of Datalog that a block names."""
SIGNED = 1
"""The version of the signatures we make: they cover the previous one."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class SignedBlock:
    """`external`: signed by a third party too, whose symbols are its own."""

    data: bytes
    next_algorithm: int
    next_key: bytes
    signature: bytes
    external: bool

    @property
    def symbols(self) -> list[str]:
        """Every text in the block: names and strings alike. Raises ValueError for what is not UTF-8."""
        return [text.decode() for number, text in fields(self.data) if number == 1 and isinstance(text, bytes)]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A whole token. `secret` is None for a sealed one; `outer` is everything but the proof, as it came."""

    outer: bytes
    blocks: tuple[SignedBlock, ...]
    secret: bytes | None


def fields(data: bytes) -> list[tuple[int, Value]]:
    """The fields of one message, in order. Raises ValueError for anything that does not end where it should."""
    found: list[tuple[int, Value]] = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        value: Value
        if kind == _VARINT:
            value, at = _varint(data, at)
        elif kind in (_BYTES, _FIXED64, _FIXED32):
            size, at = _varint(data, at) if kind == _BYTES else (8 if kind == _FIXED64 else 4, at)
            value, at = data[at : at + size], at + size
        else:
            raise ValueError("a kind of field that Biscuit does not use")
        if at > len(data):
            raise ValueError("the message is cut")
        found.append((number, value))
    return found


def opened(token: bytes) -> Envelope:
    """The parts of a token; nothing is verified. Raises ValueError."""
    parts = fields(token)
    blocks = [_signed_block(value) for number, value in parts if number in (2, 3)]
    proofs = [value for number, value in parts if number == 4]
    if not blocks or len(proofs) != 1:
        raise ValueError("not a token")
    proof = dict(fields(_as_bytes(proofs[0])))
    outer = b"".join(_field(number, value) for number, value in parts if number != 4)
    return Envelope(outer, tuple(blocks), _as_bytes(proof[1]) if 1 in proof else None)


def sealed(token: bytes) -> bytes:
    """The same token, to which nobody can append. Raises ValueError if it cannot be sealed."""
    envelope = opened(token)
    key, last = _next_key(envelope), envelope.blocks[-1]
    mark = key.sign(last.data + last.next_algorithm.to_bytes(4, "little") + last.next_key + last.signature)
    return envelope.outer + _field(4, _field(2, mark))


def appended(token: bytes, block: BlockBuilder) -> bytes:
    """The token with one block more: what the library does, but without the root's public key. Raises ValueError."""
    envelope = opened(token)
    key, last, following = _next_key(envelope), envelope.blocks[-1], Ed25519PrivateKey.generate()
    symbols = [symbol for one in envelope.blocks if not one.external for symbol in one.symbols]
    data = _encoded(symbols, block)
    signed = _sign(data, key, following, last.signature)
    return envelope.outer + _field(3, signed) + _field(4, _field(1, following.private_bytes_raw()))


def _encoded(symbols: Sequence[str], block: BlockBuilder) -> bytes:
    """The block as it stands after blocks with these symbols: the library encodes it onto a stand-in that has them."""
    root, following = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    authority = b"".join(_field(1, symbol.encode()) for symbol in symbols) + _field(3, DATALOG)
    stand_in = _field(2, _sign(authority, root, following, None)) + _field(4, _field(1, following.private_bytes_raw()))
    longer = Biscuit.from_bytes(stand_in, public_key(root.public_key())).append(block)
    return opened(bytes(longer.to_bytes())).blocks[-1].data


def _sign(data: bytes, key: Ed25519PrivateKey, following: Ed25519PrivateKey, previous: bytes | None) -> bytes:
    public = following.public_key().public_bytes_raw()
    covered = b"\0BLOCK\0\0VERSION\0" + SIGNED.to_bytes(4, "little") + b"\0PAYLOAD\0" + data
    covered += b"\0ALGORITHM\0" + ED25519.to_bytes(4, "little") + b"\0NEXTKEY\0" + public
    covered += b"" if previous is None else b"\0PREVSIG\0" + previous
    next_key = _field(1, ED25519) + _field(2, public)
    return _field(1, data) + _field(2, next_key) + _field(3, key.sign(covered)) + _field(5, SIGNED)


def _next_key(envelope: Envelope) -> Ed25519PrivateKey:
    if envelope.secret is None:
        raise ValueError("the token is sealed")
    if envelope.blocks[-1].next_algorithm != ED25519:
        raise ValueError("the token goes on with a key that is not Ed25519")
    return Ed25519PrivateKey.from_private_bytes(envelope.secret)


def _signed_block(value: Value) -> SignedBlock:
    parts = dict(fields(_as_bytes(value)))
    try:
        key = dict(fields(_as_bytes(parts[2])))
        algorithm = key.get(1, ED25519)
        if not isinstance(algorithm, int):
            raise ValueError("an algorithm is a number")
        return SignedBlock(_as_bytes(parts[1]), algorithm, _as_bytes(key[2]), _as_bytes(parts[3]), 4 in parts)
    except KeyError:
        raise ValueError("a block without data, key or signature") from None


def _as_bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number where bytes belong")
    return value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number that does not end")


def _field(number: int, value: Value) -> bytes:
    if isinstance(value, int):
        return _written(number << 3 | _VARINT) + _written(value)
    return _written(number << 3 | _BYTES) + _written(len(value)) + value


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))
