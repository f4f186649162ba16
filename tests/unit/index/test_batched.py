"""How texts are put together for the model: of like length, short ones together, long ones alone."""

import random

import pytest

from index.fast_embedder import BATCH, BATCH_TOKENS, batched


def test_long_texts_are_computed_alone_and_short_ones_together_longest_first() -> None:
    assert batched([20, 250, 21, 200, 22], most=BATCH) == [[1], [3], [4, 2, 0]]


def test_no_batch_has_more_texts_than_it_may() -> None:
    assert [len(batch) for batch in batched([10] * 20, most=BATCH)] == [8, 8, 4]
    assert batched([10, 10, 10], most=2) == [[0, 1], [2]]


def test_a_text_over_the_budget_is_alone_and_no_texts_are_no_batches() -> None:
    assert batched([500, 400], most=BATCH) == [[0], [1]]
    assert batched([], most=0) == []


@pytest.mark.parametrize("seed", range(5))
def test_every_text_is_in_one_batch_and_none_is_over_the_budget_with_its_padding(seed: int) -> None:
    dice = random.Random(seed)
    lengths = [dice.randint(2, 256) for _ in range(150)]
    batches = batched(lengths, most=BATCH)
    assert sorted(index for batch in batches for index in batch) == list(range(150))
    assert all(len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= BATCH_TOKENS for batch in batches)
