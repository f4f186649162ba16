import random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.chunk import MAX_CHARACTERS, chunk, clip, embedding_text
from index.hash_embedder import HashEmbedder

count_tokens = HashEmbedder().count_tokens
LIMIT = 40
WORDS = [
    "broker",
    "partition",
    "invoice",
    "refund",
    "wiki",
    "folder",
    "permission",
    "restart",
    "tenant",
    "ticket",
]


def paragraph(chance: random.Random) -> str:
    """One to six sentences of random words; some paragraphs are headings."""
    if chance.random() < 0.1:
        return f"Heading {chance.randrange(10**6)}"
    lengths = [chance.randint(3, 12) for _ in range(chance.randint(1, 6))]
    return " ".join(" ".join(chance.choices(WORDS, k=length)) + f" {chance.randrange(10**6)}." for length in lengths)


def document(seed: int, paragraphs: int) -> list[str]:
    chance = random.Random(seed)
    return [paragraph(chance) for _ in range(paragraphs)]


def chunks(paragraphs: list[str]) -> list[str]:
    return chunk("\n\n".join(paragraphs), count_tokens, LIMIT)


def changed_stretch(old: list[str], new: list[str]) -> list[str]:
    """What is left of `old` without the chunks that it shares with `new` at its start and at its end."""
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest_old, rest_new = old[start:], new[start:]
    while rest_old and rest_new and rest_old[-1] == rest_new[-1]:
        rest_old, rest_new = rest_old[:-1], rest_new[:-1]
    return rest_old


def without_space(text: str) -> str:
    return "".join(text.split())


@given(st.text(max_size=2000), st.sampled_from(["", "A title"]))
def test_any_text_keeps_every_character_but_space_and_every_chunk_fits(text: str, title: str) -> None:
    found = chunk(text, count_tokens, 12, title)
    assert without_space("".join(found)) == without_space(text)
    assert all(part == part.strip() != "" for part in found)
    assert all(count_tokens([embedding_text(title, part)])[0] <= 12 for part in found)
    assert chunk(text, count_tokens, 12, title) == found


@settings(max_examples=60)
@given(st.integers(0, 10**9), st.integers(30, 80), st.data())
def test_replacing_one_paragraph_changes_only_a_stretch_of_bounded_length_around_it(
    seed: int, length: int, data: st.DataObject
) -> None:
    paragraphs = document(seed, length)
    place = data.draw(st.integers(0, length - 1))
    replaced = data.draw(st.sampled_from([[], ["Now a short one."], document(seed + 1, 1), document(seed + 2, 3)]))
    old = chunks(paragraphs)
    new = chunks([*paragraphs[:place], *replaced, *paragraphs[place + 1 :]])
    assert sum(count_tokens(changed_stretch(old, new))) <= 6 * LIMIT
    assert sum(count_tokens(changed_stretch(new, old))) <= 6 * LIMIT + sum(count_tokens(replaced))


def test_an_edit_costs_fewer_than_two_chunks_on_average_and_never_a_tenth_of_the_text() -> None:
    paragraphs = document(1, 150)
    old = chunks(paragraphs)
    assert len(old) > 80
    costs = []
    for place in range(150):
        edited = [*paragraphs[:place], "Really, " + paragraphs[place], *paragraphs[place + 1 :]]
        costs.append(len(set(chunks(edited)) - set(old)))
    assert mean(costs) < 2
    assert max(costs) < len(old) / 10


def test_an_edit_inside_one_endless_paragraph_is_as_local() -> None:
    sentences = [sentence for part in document(2, 60) for sentence in part.split(". ")]
    old = chunk(". ".join(sentences), count_tokens, LIMIT)
    sentences[70] = "Something else altogether"
    new = chunk(". ".join(sentences), count_tokens, LIMIT)
    assert len(old) > 40
    assert len(set(new) - set(old)) <= 4


def test_a_text_that_fits_is_one_chunk_whatever_its_paragraphs() -> None:
    assert chunk("\n One.\n\nTwo.\r\n\r\nThree. ", count_tokens, LIMIT) == ["One.\n\nTwo.\r\n\r\nThree."]


@pytest.mark.parametrize("blank", ["", " \n\n\t "])
def test_a_blank_text_has_no_chunks(blank: str) -> None:
    assert chunk(blank, count_tokens, LIMIT) == []


def test_paragraphs_are_cut_before_sentences_and_a_heading_stays_with_its_section() -> None:
    first, second = ("alpha " * 14).strip() + ".", ("beta gamma. " * 5).strip()
    assert chunk(f"{first}\n\nA heading\n\n{second}", count_tokens, 24) == [first, f"A heading\n\n{second}"]


def test_a_word_beyond_the_limit_is_cut_between_characters_but_not_off_its_accents() -> None:
    found = chunk("e\u0301" * 300, count_tokens, 12)
    assert len(found) > 1
    assert all(part.startswith("e") and part.endswith("\u0301") for part in found)


def test_an_unbroken_string_that_counts_as_one_token_is_still_cut() -> None:
    found = chunk("x" * 10_000, lambda texts: [3] * len(texts), LIMIT)
    assert "".join(found) == "x" * 10_000
    assert max(map(len, found)) <= MAX_CHARACTERS


def test_thousands_of_equal_paragraphs_are_cut_without_recursion_and_fit() -> None:
    found = chunk("ok\n\n" * 5_000, count_tokens, LIMIT)
    assert without_space("".join(found)) == "ok" * 5_000
    assert max(count_tokens(found)) <= LIMIT


def test_a_title_that_leaves_no_room_is_refused_and_a_clipped_one_fits() -> None:
    title = "word " * 100
    with pytest.raises(ValueError, match="title"):
        chunk("text", count_tokens, LIMIT, title)
    clipped = clip(title, count_tokens, LIMIT // 2)
    assert count_tokens([clipped]) == [LIMIT // 2]
    assert chunk("text", count_tokens, LIMIT, clipped) == ["text"]
