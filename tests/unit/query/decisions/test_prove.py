"""Proofs hold with nothing but the public key, and nothing else passes for one."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from decision_stage import KEY, KEYS, SECRET, all_of, asker, draft, head_of, making, now_ms, record, recorder

from query.decisions.erase import Choice, erase
from query.decisions.heads import Sealer
from query.decisions.keys import sign_head
from query.decisions.memory import MemoryDecisions
from query.decisions.prove import NotYetSealed, Proof, ProofFails, check, prove_growth, prove_record
from query.decisions.recorder import UnknownRecord
from query.decisions.tree import Frontier

OTHER = Ed25519PrivateKey.generate()


@pytest.fixture
def store(tmp_path: Path) -> MemoryDecisions:
    """13 entries; the newest head, in the 12th, covers 11."""
    store = MemoryDecisions()
    sealer = Sealer(store, KEY, KEYS, tmp_path / "head.json", now_ms)
    store.append(making(*map(draft, range(5))))
    head_of(sealer)
    store.append(making(*map(draft, range(5, 10))))
    head_of(sealer)
    store.append(making(draft(10)))
    return store


def through_a_file(proof: Proof, **changed: Any) -> Proof:
    return Proof.model_validate_json(proof.model_copy(update=changed).model_dump_json(exclude_defaults=True))


@pytest.mark.parametrize("number", range(10))
def test_every_record_under_a_head_is_proven_by_a_file_and_the_public_key(store: MemoryDecisions, number: int) -> None:
    check(through_a_file(prove_record(store, f"{number:032x}", with_payload=True)), KEYS)


def test_a_proof_does_not_pass_with_another_key_record_place_head_or_payload(store: MemoryDecisions) -> None:
    proof = prove_record(store, f"{3:032x}", with_payload=True)
    another = prove_record(store, f"{4:032x}")
    frontier = Frontier()
    for entry in all_of(store)[:8]:
        frontier.add(entry.leaf)
    forged = sign_head(OTHER, now_ms(), 11, [], bytes.fromhex(proof.head.root))
    smaller = sign_head(KEY, now_ms(), 8, [], frontier.root())
    with pytest.raises(ProofFails, match="not signed by this key"):
        check(proof, [OTHER.public_key()])
    for changed in (
        {"envelope": another.envelope},
        {"envelope": proof.envelope.replace('"sequence":4', '"sequence":5')},
        {"envelope": "{}"},
        {"path": another.path},
        {"path": {}},
        {"head": forged},
        {"head": smaller},
        {"payload": "{}"},
        {"salt": "00"},
        {"salt": "no hex"},
    ):
        with pytest.raises(ProofFails):
            check(through_a_file(proof, **changed), KEYS)


def test_growth_is_proven_from_an_older_head_and_not_from_one_of_another_log(store: MemoryDecisions) -> None:
    older = all_of(store)[5].opened().head
    assert older is not None
    proof = prove_growth(store, older)
    check(through_a_file(proof), KEYS)
    untrue = sign_head(KEY, now_ms(), older.size, [], b"\0" * 32)
    with pytest.raises(ProofFails, match="not the beginning"):
        check(through_a_file(proof, older=untrue), KEYS)
    with pytest.raises(ProofFails, match="not the beginning"):
        check(through_a_file(proof, older=None), KEYS)
    with pytest.raises(NotYetSealed):
        prove_growth(store, older.model_copy(update={"size": 99}))


def test_a_record_newer_than_the_newest_head_is_not_proven_yet_and_an_unknown_never(store: MemoryDecisions) -> None:
    with pytest.raises(NotYetSealed):
        prove_record(store, f"{10:032x}")
    with pytest.raises(UnknownRecord):
        prove_record(store, "no such record")
    store.entries = store.entries[:3]
    with pytest.raises(NotYetSealed):
        prove_record(store, f"{1:032x}")


def test_a_proof_holds_after_its_record_was_erased_and_says_nothing_of_it(tmp_path: Path) -> None:
    store = MemoryDecisions()
    kept = record(recorder(store), asker("bob"))
    gone = record(recorder(store), asker("alice"), question=SECRET)
    head_of(Sealer(store, KEY, KEYS, tmp_path / "head.json", now_ms))
    before = prove_record(store, gone)
    erase(store, KEY, Choice(subject="alice@acme.example"), now_ms)
    after = prove_record(store, gone, with_payload=True)
    check(after, KEYS)
    assert after == before
    assert after.payload is None
    assert SECRET not in after.model_dump_json()
    check(prove_record(store, kept, with_payload=True), KEYS)
