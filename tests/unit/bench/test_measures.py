"""The measures themselves, by cases that can be worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measures import ndcg, overlap, spread

GRADES = {"a": 2, "b": 1}


def test_the_best_order_scores_one_whatever_follows():
    assert ndcg(["a", "b", "x", "y"], GRADES, 10) == 1.0


def test_a_swap_of_the_first_two_costs_what_the_formula_says():
    best = 2 / math.log2(2) + 1 / math.log2(3)
    assert ndcg(["b", "a"], GRADES, 10) == pytest.approx((1 / math.log2(2) + 2 / math.log2(3)) / best)


def test_an_answer_alone_on_the_second_rank_scores_as_its_discount():
    assert ndcg(["x", "a"], {"a": 2}, 10) == pytest.approx(1 / math.log2(3))


def test_nothing_relevant_found_scores_zero():
    assert ndcg(["x", "y"], GRADES, 10) == 0.0
    assert ndcg([], GRADES, 10) == 0.0


def test_what_comes_after_the_cut_does_not_count_and_is_not_missed_in_the_best_order():
    assert ndcg(["x", "a"], {"a": 2}, 1) == 0.0
    assert ndcg(["a"], {"a": 2, "b": 2}, 1) == 1.0


def test_a_question_without_anything_relevant_is_a_mistake():
    with pytest.raises(ValueError, match="best order"):
        ndcg(["a"], {"a": 0}, 10)


@given(order=st.permutations(["a", "b", "x", "y", "z"]))
def test_no_order_scores_beyond_the_best_or_below_none(order):
    assert 0.0 <= ndcg(order, GRADES, 10) <= 1.0


def test_overlap_is_the_share_of_the_right_answer_that_was_found():
    assert overlap(["a", "b", "x"], ["b", "a", "c", "d"]) == 0.5
    assert overlap(["x"], ["a"]) == 0.0
    assert overlap(["b", "a"], ["a", "b"]) == 1.0


def test_where_nothing_is_to_be_found_everything_was():
    assert overlap([], []) == 1.0


def test_the_spread_tells_median_and_highest():
    said = spread([float(n) for n in range(1, 102)])
    assert (said["p50"], said["mean"], said["max"]) == (51.0, 51.0, 101.0)
    assert 95 < said["p95"] < 98
