"""The copy follows the store: in order, after an absence, after a restart, and never over a contradiction."""

from dataclasses import replace

import pytest
from decision_stage import SECRET, MemoryCopies, all_of, draft, making, record, recorder

from query.decisions.heads import LogAltered
from query.decisions.memory import MemoryDecisions
from query.decisions.publish import Publisher
from schemas.errors import Unavailable


@pytest.fixture
def store() -> MemoryDecisions:
    store = MemoryDecisions()
    store.append(making(*map(draft, range(1200))))
    return store


def test_everything_is_copied_once_and_then_only_what_is_new(store: MemoryDecisions) -> None:
    copies = MemoryCopies()
    publisher = Publisher(store, copies)
    assert (publisher.publish(), publisher.publish()) == (1200, 0)
    store.append(making(draft(2000)))
    assert publisher.publish() == 1
    assert [(e.sequence, e.envelope, e.seal) for e in copies.entries] == [
        (e.sequence, e.envelope, e.seal) for e in all_of(store)
    ]


def test_after_a_restart_the_copy_goes_on_from_where_it_ends(store: MemoryDecisions) -> None:
    copies = MemoryCopies()
    copies.write(all_of(store)[:700])
    assert Publisher(store, copies).publish() == 500
    assert [entry.sequence for entry in copies.entries] == list(range(1, 1201))


def test_while_the_copy_is_away_records_are_made_and_are_copied_later(store: MemoryDecisions) -> None:
    copies = MemoryCopies()
    copies.away = Unavailable("Kafka")
    with pytest.raises(Unavailable):
        Publisher(store, copies).publish()
    record(recorder(store))
    copies.away = None
    assert Publisher(store, copies).publish() == 1201


def test_the_copy_never_holds_what_records_say() -> None:
    store, copies = MemoryDecisions(), MemoryCopies()
    record(recorder(store), question=SECRET)
    Publisher(store, copies).publish()
    (copied,) = copies.entries
    assert copied.payload is None
    for personal in (SECRET, "alice", "helpdesk/tickets", "support"):
        assert personal not in copied.line().model_dump_json()


def test_a_store_that_was_cut_is_noticed_rather_than_copied_over(store: MemoryDecisions) -> None:
    copies = MemoryCopies()
    Publisher(store, copies).publish()
    store.entries = store.entries[:900]
    with pytest.raises(LogAltered, match="the copy of the decision log goes to entry 1200"):
        Publisher(store, copies).publish()


def test_a_store_that_says_otherwise_than_its_copy_is_noticed(store: MemoryDecisions) -> None:
    copies = MemoryCopies()
    Publisher(store, copies).publish()
    store.entries[-1] = replace(store.entries[-1], envelope=store.entries[0].envelope)
    with pytest.raises(LogAltered, match="entry 1200 "):
        Publisher(store, copies).publish()
    assert len(copies.entries) == 1200
