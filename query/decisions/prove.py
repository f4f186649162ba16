"""Proofs that hold without the log: that a record is in it, and that it only ever grew.

Whoever has a proof and the public key needs nothing else of ours.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from query.decisions.entry import Payload
from query.decisions.keys import PublicKeys, is_signed
from query.decisions.recorder import UnknownRecord
from query.decisions.store import DecisionStore, entries
from query.decisions.tree import LeafTree, extends, includes, leaf_hash
from schemas.decision import Envelope, Head
from schemas.errors import FreshlineError, NotAvailable


class ProofFails(FreshlineError):
    """The proof does not hold."""

    code = "proof_fails"


class NotYetSealed(NotAvailable):
    """No signed head covers this yet; the API signs one every few seconds, and when it stops."""

    code = "not_yet_sealed"


class Proof(BaseModel):
    """`path` is pymerkle's proof. `salt` and `payload` are there if asked for: they show what the record says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["inclusion", "consistency"]
    head: Head
    path: dict[str, Any]
    envelope: str = ""
    salt: str | None = None
    payload: str | None = None
    older: Head | None = None


def prove_record(store: DecisionStore, record_id: str, with_payload: bool = False) -> Proof:
    """That the record is under the newest signed head. Reads the log up to that head.

    Raises UnknownRecord, or NotYetSealed for a record newer than the last head.
    """
    found = store.find(record_id=record_id)
    if not found:
        raise UnknownRecord("there is no such record")
    entry, head = found[0], _newest_head(store)
    if entry.sequence > head.size:
        raise NotYetSealed()
    line = entry.line(with_payload)
    path = _tree(store, head.size).inclusion(entry.sequence, head.size)
    return Proof(kind="inclusion", head=head, path=path, envelope=entry.envelope, salt=line.salt, payload=line.payload)


def prove_growth(store: DecisionStore, older: Head) -> Proof:
    """That the log under an older head is the beginning of the one under the newest. Raises NotYetSealed."""
    head = _newest_head(store)
    if older.size > head.size:
        raise NotYetSealed(f"the log's newest head has {head.size} entries, the one given {older.size}")
    path = _tree(store, head.size).consistency(older.size, head.size)
    return Proof(kind="consistency", head=head, path=path, older=older)


def check(proof: Proof, keys: PublicKeys) -> None:
    """Return if the proof holds for one of these keys. Raises ProofFails, saying what does not."""
    for head in filter(None, (proof.head, proof.older)):
        if not is_signed(keys, head):
            raise ProofFails(f"the head of {head.size} entries is not signed by this key")
    size, root = proof.head.size, bytes.fromhex(proof.head.root)
    if proof.kind == "consistency":
        older = proof.older
        if older is None or not extends(proof.path, (older.size, bytes.fromhex(older.root)), (size, root)):
            raise ProofFails("the older log is not the beginning of the newer")
        return
    try:
        envelope = Envelope.model_validate_json(proof.envelope)
    except ValueError:
        raise ProofFails("the record's envelope is not readable") from None
    if not includes(proof.path, leaf_hash(proof.envelope.encode()), envelope.sequence, root, size):
        raise ProofFails(f"the record is not entry {envelope.sequence} of the log under this head")
    if proof.payload is not None and _payload_hash(proof) != envelope.payload_hash:
        raise ProofFails("the payload is not the one that was recorded")


def _payload_hash(proof: Proof) -> str:
    try:
        return Payload(bytes.fromhex(proof.salt or ""), proof.payload or "").hash
    except ValueError:
        return "not a salt"


def _newest_head(store: DecisionStore) -> Head:
    newest = store.find(kind="head")
    head = newest[0].opened().head if newest else None
    if head is None:
        raise NotYetSealed()
    return head


def _tree(store: DecisionStore, size: int) -> LeafTree:
    tree = LeafTree()
    for entry in entries(store):
        if entry.sequence > size:
            break
        tree.add(entry.leaf)
    return tree
