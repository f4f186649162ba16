"""What is put on record, when, and what happens when it cannot be."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from decision_stage import KEY, KEYS, SECRET, START_MS, all_of, answer, asker, draft, making, record, recorder

from query.asker import Asker, Circumstances
from query.decisions.memory import MemoryDecisions
from query.decisions.recorder import Facts, Recorder, UnknownRecord, content_hash
from query.decisions.store import Make, Runs
from query.decisions.verify import verify
from schemas.answer import Question
from schemas.decision import AnswerRecord, Decision, DecisionRecord
from schemas.errors import InvalidQuestion, PermissionsUnknown, RecordUnavailable, Unavailable

CHAIN = ("r" * 64, "a" * 64)


@pytest.fixture
def store() -> MemoryDecisions:
    return MemoryDecisions()


def recorded(store: MemoryDecisions, at: int = -1) -> AnswerRecord:
    payload = all_of(store)[at].payload
    assert payload is not None
    return AnswerRecord.model_validate_json(payload.body)


def test_an_answers_record_says_who_asked_what_and_what_was_shown(store: MemoryDecisions) -> None:
    record_id = record(recorder(store), asker(chain=CHAIN), texts=("one", "two"))
    hits = answer("one", "two").hits
    assert recorded(store).model_dump() == {
        "id": record_id,
        "at_ms": START_MS,
        "who": {
            "tenant": "acme",
            "subject": "alice@acme.example",
            "agent": "planner",
            "chain": (
                {"holder": "agent-0", "revocation_id": CHAIN[0]},
                {"holder": "agent-1", "revocation_id": CHAIN[1]},
            ),
        },
        "purpose": "support",
        "address": "",
        "operation": "search",
        "question": Question(query=SECRET).model_dump(),
        "status": "answered",
        "policy_version": "policy-1",
        "view_at_ms": START_MS - 40,
        "view_lag_ms": 40,
        "sources": tuple(status.model_dump() for status in answer().sources),
        "shown": tuple(
            {"record_id": hit.record_id, "position": hit.position, "chunk": 0}
            | {"content_hash": content_hash(hit), "confirmed_ms": None}
            for hit in hits
        ),
        "withheld": {"ceiling": 2},
        "timings": {"total": 12.5},
    }
    envelope = all_of(store)[0].opened()
    assert (envelope.kind, envelope.tenant, envelope.status, envelope.rows) == ("answer", "acme", "answered", 2)
    assert (envelope.chain, envelope.at_ms) == (CHAIN, START_MS)


def test_no_text_of_a_row_is_on_record_only_hashes_that_tell_rows_apart(store: MemoryDecisions) -> None:
    record(recorder(store), texts=("the salary is 50000", "the salary is 60000"))
    payload = all_of(store)[0].payload
    assert payload is not None
    assert "salary" not in payload.body
    shown = recorded(store).shown
    assert shown[0].content_hash != shown[1].content_hash
    assert shown[0].content_hash == content_hash(answer("the salary is 50000").hits[0])


def test_a_refusal_is_on_record_with_its_code(store: MemoryDecisions) -> None:
    made = recorder(store)
    refused = PermissionsUnknown()
    made.record_answer(asker(), Circumstances(START_MS), Question(query="x"), Facts(), refused)
    kept = recorded(store)
    assert (kept.status, kept.shown, kept.view_at_ms) == ("permissions_unknown", (), None)


class Broken(MemoryDecisions):
    def append(self, make: Make, erased: Runs = ()) -> None:
        make(1)
        raise Unavailable("the decision store", "the disk is full")

    find = rows_shown = append  # type: ignore[assignment]


def test_what_cannot_be_recorded_is_refused_and_the_log_says_why_but_not_what(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = recorder(Broken())
    with pytest.raises(RecordUnavailable, match="could not be put on record"):
        record(made)
    with pytest.raises(RecordUnavailable):
        made.rows_shown([])
    assert "the disk is full" in caplog.text
    assert SECRET not in caplog.text


def test_an_unexpected_failure_refuses_too_and_its_words_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Odd(MemoryDecisions):
        def append(self, make: Make, erased: Runs = ()) -> None:
            raise RuntimeError(f"could not write {SECRET}")

    with pytest.raises(RecordUnavailable):
        record(recorder(Odd()))
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text


def test_nothing_of_a_record_is_logged(store: MemoryDecisions, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    record(recorder(store), asker(chain=CHAIN))
    assert caplog.text == ""


class Counted(list[Any]):
    """Says when so many were appended."""

    def __init__(self, count: int) -> None:
        self.full, self._count = threading.Event(), count

    def append(self, one: Any) -> None:
        super().append(one)
        if len(self) == self._count:
            self.full.set()


def test_answers_that_come_while_one_is_written_share_the_next_transaction() -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(MemoryDecisions):
        batches: list[int] = []  # noqa: RUF012

        def append(self, make: Make, erased: Runs = ()) -> None:
            super().append(make, erased)
            self.batches.append(len(self.entries) - sum(self.batches))
            entered.set()
            assert go_on.wait(10)

    store = Slow()
    made = recorder(store)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(record, made)
        assert entered.wait(10)
        made._waiting = Counted(7)
        others = [pool.submit(record, made) for _ in range(7)]
        assert made._waiting.full.wait(10)
        go_on.set()
        ids = {first.result(10), *(other.result(10) for other in others)}
    assert store.batches == [1, 7]
    assert ids == {entry.opened().id for entry in all_of(store)}
    assert verify(all_of(store), KEYS).clean


def test_each_of_the_answers_that_share_a_failed_transaction_is_refused() -> None:
    made = recorder(Broken())
    with ThreadPoolExecutor(8) as pool:
        outcomes = [pool.submit(record, made) for _ in range(8)]
        assert [type(outcome.exception(10)) for outcome in outcomes] == [RecordUnavailable] * 8


def test_a_decision_is_recorded_as_posted_and_rests_on_answers_of_its_own(store: MemoryDecisions) -> None:
    made = recorder(store)
    first, second = record(made), record(made)
    decision = Decision(answers=(first, second), outcome="escalated", reasoning="because", output="done", cost="0.0123")
    decided = made.record_decision(asker(), decision)
    kept = DecisionRecord.model_validate_json(made.own(asker(), decided))
    assert (kept.id, kept.decision, kept.who.agent) == (decided, decision, "planner")
    assert all_of(store)[-1].opened().status == "escalated"


@pytest.mark.parametrize("who", [asker("bob"), asker("alice", "rival")], ids=["another user", "another tenant"])
def test_others_records_are_as_if_absent(store: MemoryDecisions, who: Asker) -> None:
    made = recorder(store)
    foreign, absent = record(made), "0" * 32
    for record_id in (foreign, absent):
        with pytest.raises(UnknownRecord) as told:
            made.own(who, record_id)
        assert str(told.value) == "There is no such record of yours."
        with pytest.raises(InvalidQuestion) as refused:
            made.record_decision(who, Decision(answers=(record_id,), outcome="completed"))
        assert str(refused.value) == f"answers: {record_id} is no answer of yours"
    assert len(all_of(store)) == 1


def test_the_same_subject_in_another_tenant_is_another_person(store: MemoryDecisions) -> None:
    made = recorder(store)
    record_id = record(made)
    twin = Asker(asker("alice", "rival").principal.__class__("alice@acme.example", "rival"))
    with pytest.raises(UnknownRecord):
        made.own(twin, record_id)


def test_an_erased_record_and_one_that_is_no_answer_are_as_if_absent(store: MemoryDecisions) -> None:
    made = recorder(store)
    record_id = record(made)
    decided = made.record_decision(asker(), Decision(answers=(record_id,), outcome="completed"))
    with pytest.raises(InvalidQuestion):
        made.record_decision(asker(), Decision(answers=(decided,), outcome="completed"))
    store.append(making(draft(1)), erased=[(1, 1)])
    with pytest.raises(InvalidQuestion):
        made.record_decision(asker(), Decision(answers=(record_id,), outcome="completed"))
    with pytest.raises(UnknownRecord):
        made.own(asker(), record_id)


def test_rows_are_counted_under_every_hand_of_the_chain(store: MemoryDecisions) -> None:
    made = Recorder(store, KEY)
    record(made, asker(chain=("root", "a")), texts=("one", "two"))
    record(made, asker(chain=("root", "b")), texts=("three",))
    assert (made.rows_shown(["root"]), made.rows_shown(["a"]), made.rows_shown(["b"])) == (3, 2, 1)


def test_a_hash_is_over_all_that_was_shown_of_a_record() -> None:
    hit = answer("text").hits[0]
    others = [{"title": "x"}, {"text": "x"}, {"url": "x"}, {"metadata": {}}]
    hashes = {content_hash(hit.model_copy(update=other)) for other in others}
    assert len(hashes | {content_hash(hit)}) == 5
    turned = hit.model_copy(update={"metadata": orjson.loads('{"b":1,"a":2}')})
    assert content_hash(turned) == content_hash(hit.model_copy(update={"metadata": {"a": 2, "b": 1}}))
