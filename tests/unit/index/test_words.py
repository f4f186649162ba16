import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.words import COUNTED, MOST_ASKED, NO_WORDS, idf, occurrences, question_words, score, weighed, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Printers of Zürich", ["printer", "zürich"]),
        ("order AB-1234", ["order", "ab-1234", "ab", "1234"]),
        ("policies, classes, status, bus", ["policy", "classe", "status", "bus"]),
        ("ＡＢ１２", ["ab12"]),
        ("mail ann@acme.example!", ["mail", "ann@acme.example", "ann", "acme", "example"]),
        ("it is of the", []),
        ("!? 😀 \x00", []),
    ],
)
def test_words_are_folded_and_codes_count_whole_and_in_parts(text: str, found: list[str]) -> None:
    assert list(words(text)) == found


def test_a_rare_word_weighs_more_than_a_common_one_and_none_weighs_less_than_nothing() -> None:
    weights = [idf(count) for count in (1, 10, 100, COUNTED)]
    assert weights == sorted(weights, reverse=True)
    assert idf(10 * COUNTED) == idf(COUNTED) > 0


def test_a_word_more_often_counts_more_but_less_each_time_and_a_longer_text_less() -> None:
    (word,) = question_words("fire")
    once, twice, thrice = (occurrences("fire " * n + "hall " * (10 - n))[word] for n in (1, 2, 3))
    assert 0 < twice - once < once
    assert 0 < thrice - twice < twice - once
    assert occurrences("fire " + "hall " * 500)[word] < once


def test_a_text_without_words_matches_no_question() -> None:
    assert occurrences("...") == NO_WORDS
    assert score(weighed(dict.fromkeys(question_words("fire hall"), 3)), NO_WORDS) == 0


@given(st.text())
def test_any_text_has_usable_words(text: str) -> None:
    held = occurrences(text)
    assert held
    assert all(0 <= word < 2**32 - 1 and weight > 0 for word, weight in held.items())
    assert 0 not in question_words(text)


def test_of_a_long_question_the_first_words_count_and_no_more() -> None:
    asked = [f"w{number}x" for number in range(2 * MOST_ASKED)]
    assert question_words(" ".join(asked)) == question_words(" ".join([*asked[:MOST_ASKED], asked[0]]))
    assert len(question_words(" ".join(asked))) == MOST_ASKED
