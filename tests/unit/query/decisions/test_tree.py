"""The tree against the test vectors of RFC 6962's reference implementation, and against the RFC's own definition."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.decisions.tree import Frontier, LeafTree, extends, includes, leaf_hash

INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""By number of leaves."""
PATHS = {
    1: [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    6: [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
"""Audit paths in the tree of eight, by the leaf's place from 1, the leaf itself left out."""
LEAVES = [leaf_hash(bytes.fromhex(text)) for text in INPUTS]


def root_by_the_rfc(data: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return sha256(b"\x01" + root_by_the_rfc(data[:k]) + root_by_the_rfc(data[k:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference_implementation(size: int) -> None:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.add(leaf)
    assert LeafTree(LEAVES).root(size).hex() == ROOTS[size]
    assert frontier.root().hex() == ROOTS[size]


@pytest.mark.parametrize("place", PATHS)
def test_audit_paths_are_those_of_the_reference_implementation(place: int) -> None:
    proof = LeafTree(LEAVES).inclusion(place, 8)
    assert proof["path"] == [LEAVES[place - 1].hex(), *PATHS[place]]


@given(st.lists(st.binary(max_size=40), max_size=300))
def test_roots_are_what_the_rfc_defines(data: list[bytes]) -> None:
    leaves = [leaf_hash(one) for one in data]
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    assert LeafTree(leaves).root(len(data)) == frontier.root() == root_by_the_rfc(data)
    assert Frontier.of(frontier.size, frontier.peaks).root() == frontier.root()


@given(st.data())
def test_proofs_hold_for_their_own_leaf_place_and_size_only(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    prior, place = data.draw(st.integers(1, size)), data.draw(st.integers(1, size))
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    tree = LeafTree(leaves)
    root, leaf = tree.root(size), leaves[place - 1]
    proof, growth = tree.inclusion(place, size), tree.consistency(prior, size)
    assert includes(proof, leaf, place, root, size)
    assert extends(growth, (prior, tree.root(prior)), (size, root))
    assert not includes(proof, leaf_hash(b"another"), place, root, size)
    assert not includes(proof, leaf, place + 1, root, size)
    assert not includes(proof, leaf, place, leaf_hash(b"root"), size)
    assert not includes(proof, leaf, place, root, size + 1)
    assert not extends(growth, (prior, leaf_hash(b"root")), (size, root))
    assert not extends(growth, (prior + 1, tree.root(prior)), (size, root))


@pytest.mark.parametrize("wrong", [{}, {"type": "inclusion"}, {"type": 7}, {"type": "consistency", "path": ["zz"]}])
def test_what_is_no_proof_proves_nothing(wrong: dict[str, object]) -> None:
    assert not includes(wrong, LEAVES[0], 1, LEAVES[0], 1)
    assert not extends(wrong, (1, LEAVES[0]), (1, LEAVES[0]))


def test_a_proof_that_asks_for_another_hash_is_refused() -> None:
    proof = LeafTree(LEAVES).inclusion(1, 8)
    for change in ({"algorithm": "sha512"}, {"security": False}):
        changed = {**proof, "metadata": {**proof["metadata"], **change}}
        assert not includes(changed, LEAVES[0], 1, bytes.fromhex(ROOTS[8]), 8)


def test_peaks_that_do_not_belong_to_a_size_are_refused() -> None:
    with pytest.raises(ValueError, match="3 perfect subtrees, not 1"):
        Frontier.of(7, [LEAVES[0]])
