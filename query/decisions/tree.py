"""The Merkle tree of RFC 6962: SHA-256, a leaf is H(0x00 ‖ data), a node H(0x01 ‖ left ‖ right).

All hashing is pymerkle's. LeafTree keeps every leaf's hash and gives roots and proofs of any size; Frontier keeps
only what the next root needs, about log2(size) hashes.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Self

from pymerkle import (  # type: ignore[import-untyped]
    BaseMerkleTree,
    ConsistencyProof,
    InclusionProof,
    InvalidProof,
)
from pymerkle.hasher import MerkleHasher  # type: ignore[import-untyped]

ALGORITHM = "sha256"
_hasher = MerkleHasher(ALGORITHM)


def leaf_hash(data: bytes) -> bytes:
    return bytes(_hasher.hash_buff(data))


class LeafTree(BaseMerkleTree):  # type: ignore[misc]
    """Leaves' hashes in memory: 65 bytes an entry. Positions count from 1."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        super().__init__(ALGORITHM)
        self._leaves = list(leaves)

    def add(self, leaf: bytes) -> None:
        self._leaves.append(leaf)

    def root(self, size: int) -> bytes:
        return bytes(self.get_root(size))

    def inclusion(self, index: int, size: int) -> dict[str, Any]:
        """Proves that the leaf at `index` is in the tree of `size` leaves. Raises ValueError where there is none."""
        proof: dict[str, Any] = self.prove_inclusion(index, size).serialize()
        return proof

    def consistency(self, prior: int, size: int) -> dict[str, Any]:
        """Proves that the tree of `prior` leaves is the beginning of the one of `size` leaves."""
        proof: dict[str, Any] = self.prove_consistency(prior, size).serialize()
        return proof

    def _encode_entry(self, data: bytes) -> bytes:
        return data

    def _store_leaf(self, data: bytes, digest: bytes) -> int:  # noqa: ARG002  # only the hash is kept
        self._leaves.append(digest)
        return len(self._leaves)

    def _get_leaf(self, index: int) -> bytes:
        return self._leaves[index - 1]

    def _get_leaves(self, offset: int, width: int) -> list[bytes]:
        return self._leaves[offset : offset + width]

    def _get_size(self) -> int:
        return len(self._leaves)


class Frontier:
    """The roots of the perfect subtrees a tree is made of, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []

    @classmethod
    def of(cls, size: int, peaks: Sequence[bytes]) -> Self:
        """Raises ValueError unless a tree of `size` leaves has that many subtrees."""
        if size.bit_count() != len(peaks):
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} perfect subtrees, not {len(peaks)}")
        made = cls()
        made.size, made.peaks = size, list(peaks)
        return made

    def add(self, leaf: bytes) -> None:
        """Every trailing 1 of the size is a subtree of the same height as what is added: they merge."""
        merging = self.size
        while merging & 1:
            leaf = _hasher.hash_pair(self.peaks.pop(), leaf)
            merging >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        return bytes(_hasher.hash_fold(self.peaks[::-1]) if self.peaks else _hasher.hash_empty())


def includes(proof: dict[str, Any], leaf: bytes, index: int, root: bytes, size: int) -> bool:
    """Whether `proof` shows the leaf at `index` of the tree with this size and root."""
    try:
        InclusionProof.deserialize(proof).verify(leaf, root, index=index, size=size, algorithm=ALGORITHM)
    except InvalidProof:
        return False
    return True


def extends(proof: dict[str, Any], prior: tuple[int, bytes], later: tuple[int, bytes]) -> bool:
    """Whether `proof` shows that the tree (size, root) `prior` is the beginning of `later`."""
    try:
        found = ConsistencyProof.deserialize(proof)
        found.verify(prior[1], later[1], prior_size=prior[0], later_size=later[0], algorithm=ALGORITHM)
    except InvalidProof:
        return False
    return True
