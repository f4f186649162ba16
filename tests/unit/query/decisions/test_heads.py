"""Signed heads: when one is signed, what it goes on from, and what it is not signed over."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from decision_stage import KEY, KEYS, all_of, draft, head_of, making, now_ms

from query.decisions.entry import sealed
from query.decisions.heads import LogAltered, Sealer, read_note
from query.decisions.keys import is_signed
from query.decisions.memory import MemoryDecisions
from query.decisions.tree import LeafTree
from query.decisions.verify import verify


@pytest.fixture
def store() -> MemoryDecisions:
    store = MemoryDecisions()
    store.append(making(*map(draft, range(7))))
    return store


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "head.json"


def sealer(store: MemoryDecisions, note: Path) -> Sealer:
    return Sealer(store, KEY, KEYS, note, now_ms)


def test_a_head_has_the_size_and_root_of_the_log_and_is_verified_by_the_public_key_alone(
    store: MemoryDecisions, note: Path
) -> None:
    head = head_of(sealer(store, note))
    assert (head.size, head.root) == (7, LeafTree(e.leaf for e in all_of(store)).root(7).hex())
    assert is_signed(KEYS, head)
    assert not is_signed([Ed25519PrivateKey.generate().public_key()], head)
    assert all_of(store)[-1].opened().head == head == read_note(note)


def test_nothing_is_signed_when_nothing_but_a_head_is_new(store: MemoryDecisions, note: Path) -> None:
    signing = sealer(store, note)
    head_of(signing)
    assert signing.seal() is None
    assert sealer(store, note).seal() is None
    assert sealer(MemoryDecisions(), note.with_name("other.json")).seal() is None


def test_a_restart_goes_on_from_the_last_head(store: MemoryDecisions, note: Path) -> None:
    for number in range(20, 30):
        head_of(sealer(store, note))
        store.append(making(draft(number)))
    assert head_of(sealer(store, note)).size == 27
    assert verify(all_of(store), KEYS).clean


def test_a_process_killed_before_it_signed_is_made_up_for_at_the_next_start(store: MemoryDecisions, note: Path) -> None:
    head_of(sealer(store, note))
    store.append(making(draft(20), draft(21)))
    assert head_of(sealer(store, note)).size == 10
    assert verify(all_of(store), KEYS).covered == 10


def test_what_another_process_appended_and_signed_is_taken_up(store: MemoryDecisions, note: Path) -> None:
    mine, other = sealer(store, note), sealer(store, note)
    head_of(mine)
    store.append(making(draft(20)))
    head_of(other)
    assert mine.seal() is None
    store.append(making(draft(21)))
    head_of(mine)
    assert verify(all_of(store), KEYS).clean


@pytest.mark.parametrize("began", [True, False], ids=["while it runs", "at a start"])
def test_nothing_is_signed_over_an_entry_that_was_altered_or_put_there(
    store: MemoryDecisions, note: Path, began: bool
) -> None:
    signing = sealer(store, note)
    head_of(signing)
    store.append(making(draft(20)))
    forged = sealed(draft(21), 10, Ed25519PrivateKey.generate())
    for wrong in (replace(store.entries[-1], seal=b"\0" * 64), forged, replace(store.entries[0], sequence=9)):
        store.entries[8:] = [wrong]
        with pytest.raises(LogAltered, match="entry 9 "):
            (signing if began else sealer(store, note)).seal()


def test_a_tail_that_was_cut_below_the_noted_head_is_noticed_at_the_next_start(
    store: MemoryDecisions, note: Path
) -> None:
    signing = sealer(store, note)
    head_of(signing)
    store.append(making(draft(20)))
    head_of(signing)
    store.entries = store.entries[:8]
    with pytest.raises(LogAltered, match="had 9 entries under its last head, and now 7"):
        sealer(store, note).seal()
    store.entries = []
    with pytest.raises(LogAltered, match="had 9 entries"):
        sealer(store, note).seal()


def test_a_head_of_another_key_is_not_gone_on_from(store: MemoryDecisions, note: Path) -> None:
    other = Ed25519PrivateKey.generate()
    head_of(Sealer(store, other, KEYS, note, now_ms))
    with pytest.raises(LogAltered, match="is not ours"):
        sealer(store, note).seal()


def test_a_note_that_is_no_head_is_said_to_be_none(store: MemoryDecisions, note: Path) -> None:
    note.write_text("{}")
    with pytest.raises(LogAltered, match=r"head\.json does not hold a head"):
        sealer(store, note).seal()


def test_a_note_that_cannot_be_written_does_not_keep_the_head_from_the_log(
    store: MemoryDecisions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert head_of(sealer(store, tmp_path / "missing" / "head.json")).size == 7
    assert "is not noted" in caplog.text
