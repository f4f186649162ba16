"""Embedding ahead: what is computed early is used once, and is never anything else than what would be computed late."""

from collections.abc import Sequence
from threading import Thread

import numpy as np
import pytest
from stream_stage import upsert

from index.embedder import Vectors
from index.errors import UnusableText
from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from streams.ahead import Ahead
from streams.indexing import Indexer


class Counting(HashEmbedder):
    """Remembers what the model was given."""

    def __init__(self) -> None:
        super().__init__(dimension=16)
        self.given: list[list[str]] = []

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.given.append(list(texts))
        return super().embed_passages(texts)


def test_what_was_foreseen_is_not_embedded_again_and_has_the_same_vectors() -> None:
    model = Counting()
    ahead = Ahead(model)
    ahead.foresee(["a", "b"])
    vectors = ahead.embed(["b", "c", "a"])
    assert model.given == [["a", "b"], ["c"]]
    assert np.array_equal(vectors, HashEmbedder(dimension=16).embed_passages(["b", "c", "a"]))
    assert (ahead.seen(), ahead.seen()) == (3, 0)


def test_memory_is_of_so_many_bytes_only_and_what_is_forgotten_is_computed_again() -> None:
    model = Counting()
    ahead = Ahead(model, most_bytes=1_000)
    ahead.foresee(["first"])
    ahead.foresee(["x" * 400])
    ahead.embed(["first"])
    assert model.given == [["first"], ["x" * 400]]
    ahead.foresee(["y" * 400])
    ahead.embed(["first"])
    assert model.given[2:] == [["y" * 400], ["first"]]


def test_a_batch_that_is_larger_than_the_memory_has_all_its_vectors() -> None:
    texts = [f"number {number}" for number in range(50)]
    vectors = Ahead(HashEmbedder(dimension=16), most_bytes=500).embed(texts)
    assert np.array_equal(vectors, HashEmbedder(dimension=16).embed_passages(texts))


def test_who_asks_for_what_is_there_does_not_wait_for_what_others_compute() -> None:
    ahead = Ahead(HashEmbedder(dimension=16))
    ahead.foresee(["there"])
    asking = Thread(target=ahead.embed, args=(["there"],), daemon=True)
    with ahead._computing:
        asking.start()
        asking.join(5)
        assert not asking.is_alive()


def test_a_text_without_a_vector_fails_when_it_is_asked_for_and_is_named_among_all_that_are_asked_for() -> None:
    ahead = Ahead(HashEmbedder(dimension=16))
    ahead.foresee(["good"])
    ahead.foresee([" "])
    with pytest.raises(UnusableText) as raised:
        ahead.embed(["good", " "])
    assert raised.value.index == 1


def test_a_foreseen_batch_is_written_as_if_it_had_not_been_and_only_what_is_new_is_embedded() -> None:
    first, second = [upsert("1", 5, "one"), upsert("2", 6, "two")], [upsert("1", 7, "one"), upsert("2", 8, "new")]
    plain, foreseen, model = MemoryStore(), MemoryStore(), Counting()
    late, early = Indexer(plain, HashEmbedder(dimension=16)), Indexer(foreseen, model)
    for batch in (first, second):
        late.apply(batch)
        early.foresee(batch)
        assert early.apply(batch).written == 2
    assert foreseen.records == plain.records
    assert model.given == [["one", "two"], ["new"]]


def test_foreseeing_changes_nothing_even_if_the_batch_before_is_still_to_be_written() -> None:
    store, model = MemoryStore(), Counting()
    indexer = Indexer(store, model)
    batch, next_one = [upsert("1", 5, "one")], [upsert("1", 6, "one"), upsert("3", 7, "three")]
    indexer.foresee(batch)
    indexer.foresee(next_one)
    assert store.records == {}
    indexer.apply(batch)
    indexer.apply(next_one)
    assert model.given == [["one"], ["three"]]
