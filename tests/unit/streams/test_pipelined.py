"""Batches in hand at once: whatever is foreseen when, and whoever else is at work, the index ends as if one by one.

Also across a crash and a rebalance: what was not acknowledged comes again, in other batches, perhaps to another worker
while the first one still writes what it had in hand. Vectors are compared bit by bit.
"""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from stream_stage import delete, relabel, truncate, upsert

from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from index.store import Row
from schemas.change import Change
from streams.flow import AT_ONCE
from streams.indexing import Indexer

LONG = "\n\n".join(f"Paragraph {n} tells of matter {n * 37}, so that it stands alone." for n in range(12))
CHANGES = st.builds(
    lambda kind, name, text: (kind, name, text),
    st.sampled_from(["upsert"] * 5 + ["delete", "relabel", "truncate"]),
    st.sampled_from("abcd"),
    st.sampled_from(["one", "two words", "", LONG, LONG.replace("matter 74,", "matter seventy-four,")]),
)
Contents = dict[str, list[tuple[Row, bytes]]]


def history_of(drawn: Sequence[tuple[str, str, str]]) -> list[Change]:
    """In the order of their positions, as one partition has them."""
    made = []
    for at, (kind, name, text) in enumerate(drawn, start=1):
        match kind:
            case "upsert":
                made.append(upsert(name, at, text, label=at))
            case "delete":
                made.append(delete(name, at))
            case "relabel":
                made.append(relabel(name, at, at))
            case _:
                made.append(truncate(at))
    return made


def worker(store: MemoryStore) -> Indexer:
    return Indexer(store, HashEmbedder(dimension=16, max_tokens=64))


def contents(store: MemoryStore) -> Contents:
    return {name: [(row, row.vector.tobytes()) for row in rows] for name, rows in store.records.items()}


def one_after_another(history: Sequence[Change]) -> MemoryStore:
    store = MemoryStore()
    alone = worker(store)
    for change in history:
        alone.apply([change])
    return store


def cut(history: Sequence[Change], data: st.DataObject) -> list[Sequence[Change]]:
    borders = sorted(data.draw(st.lists(st.integers(0, len(history)), max_size=6)))
    return [history[start:end] for start, end in pairwise([0, *borders, len(history)])]


def work(indexer: Indexer, given_batches: Sequence[Sequence[Change]], data: st.DataObject) -> None:
    """As the flow does: each batch in its turn, and up to AT_ONCE - 1 after it foreseen at any time before theirs."""
    foreseen = 0
    for number, batch in enumerate(given_batches):
        until = data.draw(st.integers(foreseen, max(foreseen, min(len(given_batches), number + AT_ONCE))))
        for early in given_batches[max(foreseen, number) : until]:
            indexer.foresee(early)
        foreseen = until
        indexer.apply(batch)


@settings(deadline=None, max_examples=150)
@given(st.lists(CHANGES, max_size=16).map(history_of), st.data())
def test_batches_that_are_foreseen_at_any_time_end_as_one_after_another(
    history: list[Change], data: st.DataObject
) -> None:
    store = MemoryStore()
    work(worker(store), cut(history, data), data)
    plain, names = one_after_another(history), [f"helpdesk/helpdesk.tickets/{name}" for name in "abcd"]
    assert contents(store) == contents(plain)
    assert [held.position for held in store.held(names).values()] == [
        held.position for held in plain.held(names).values()
    ]


@settings(deadline=None, max_examples=150)
@given(st.lists(CHANGES, min_size=1, max_size=16).map(history_of), st.data())
def test_a_worker_that_dies_with_batches_in_hand_is_followed_by_one_that_ends_with_the_same_bits(
    history: list[Change], data: st.DataObject
) -> None:
    store = MemoryStore()
    given_batches = cut(history, data)
    died = data.draw(st.integers(0, len(given_batches)))
    work(worker(store), given_batches[:died], data)
    acknowledged = sum(map(len, given_batches[: data.draw(st.integers(0, died))]))
    work(worker(store), cut(history[acknowledged:], data), data)
    assert contents(store) == contents(one_after_another(history))


@settings(deadline=None, max_examples=150)
@given(st.lists(CHANGES, min_size=1, max_size=16).map(history_of), st.data())
def test_what_a_worker_still_writes_of_a_partition_it_has_lost_changes_nothing(
    history: list[Change], data: st.DataObject
) -> None:
    store = MemoryStore()
    before, in_hand = worker(store), cut(history, data)[: AT_ONCE + 2]
    done = data.draw(st.integers(0, len(in_hand)))
    work(before, in_hand[:done], data)
    late = in_hand[done : done + AT_ONCE]
    for batch in late:
        before.foresee(batch)
    work(worker(store), cut(history[sum(map(len, in_hand[:done])) :], data), data)
    for batch in late:
        before.apply(batch)
    assert contents(store) == contents(one_after_another(history))
