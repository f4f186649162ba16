"""Erasing takes what records say, of whom or when asked, and is on record itself."""

from hashlib import sha256

import pytest
from decision_stage import KEY, KEYS, SECRET, START_MS, all_of, asker, draft, making, now_ms, record, recorder

from query.decisions.erase import Choice, erase
from query.decisions.memory import MemoryDecisions
from query.decisions.verify import verify
from schemas.decision import Decision
from schemas.errors import Misconfigured


def left(store: MemoryDecisions) -> list[int]:
    return [entry.sequence for entry in all_of(store) if entry.payload is not None]


@pytest.fixture
def store() -> MemoryDecisions:
    """Alice, Bob, Alice, Bob; then what Alice's agent did."""
    store = MemoryDecisions()
    made = recorder(store)
    answers = [record(made, asker(name)) for name in ("alice", "bob", "alice", "bob")]
    made.record_decision(asker("alice"), Decision(answers=(answers[0],), outcome="completed", reasoning=SECRET))
    return store


def test_a_subjects_records_are_erased_what_its_agents_did_included(store: MemoryDecisions) -> None:
    assert erase(store, KEY, Choice(subject="alice@acme.example"), now_ms) == 3
    assert left(store) == [2, 4]
    assert all_of(store)[-1].opened().erased == ((1, 1), (3, 3), (5, 5))
    assert erase(store, KEY, Choice(subject="alice@acme.example"), now_ms) == 0
    assert len(all_of(store)) == 6
    assert verify(all_of(store), KEYS).clean


def test_one_record_is_erased_alone(store: MemoryDecisions) -> None:
    assert erase(store, KEY, Choice(record_id=all_of(store)[1].opened().id), now_ms) == 1
    assert left(store) == [1, 3, 4, 5]


def test_only_what_is_older_is_erased() -> None:
    store = MemoryDecisions()
    store.append(making(*map(draft, range(10))))
    assert erase(store, KEY, Choice(before_ms=START_MS + 4), now_ms) == 4
    assert left(store) == [5, 6, 7, 8, 9, 10]


def test_a_choice_that_names_nothing_erases_nothing() -> None:
    with pytest.raises(Misconfigured, match="nothing is erased"):
        Choice()


def test_many_runs_are_erased_in_several_records(store: MemoryDecisions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.decisions.erase.RUNS_AT_ONCE", 2)
    assert erase(store, KEY, Choice(subject="alice@acme.example"), now_ms) == 3
    assert [entry.opened().erased for entry in all_of(store)[5:]] == [((1, 1), (3, 3)), ((5, 5),)]
    assert verify(all_of(store), KEYS).clean


def test_nobody_can_tell_from_what_stays_whether_a_guess_is_right(store: MemoryDecisions) -> None:
    payload = all_of(store)[0].payload
    assert payload is not None
    erase(store, KEY, Choice(subject="alice@acme.example"), now_ms)
    entry = all_of(store)[0]
    assert entry.payload is None
    assert sha256(payload.body.encode()).hexdigest() not in entry.envelope
    assert payload.salt.hex() not in entry.envelope
    assert payload.hash in entry.envelope


def test_what_stays_names_nobody_and_nothing(store: MemoryDecisions) -> None:
    kept = "".join(entry.envelope for entry in all_of(store))
    assert [word for word in ("alice", "bob", "planner", SECRET, "helpdesk", "support") if word in kept] == []
