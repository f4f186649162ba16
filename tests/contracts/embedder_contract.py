"""What every embedder promises; a test class inherits this and provides the `embedder` fixture."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from index.embedder import Embedder
from index.errors import TextTooLong, UnusableText

WORDS = [
    "broker",
    "restarts",
    "after",
    "the",
    "upgrade",
    "invoice",
    "refund",
    "wiki",
    "folder",
    "Zürich",
    "4711",
]


def texts_of_many_lengths(count: int = 40) -> list[str]:
    chance = random.Random(7)
    return [" ".join(chance.choices(WORDS, k=chance.choice([2, 5, 9, 20, 60]))) for _ in range(count)]


def text_of_tokens(embedder: Embedder, tokens: int) -> str:
    """A text of exactly that many tokens: "a" costs one, what an empty text costs is overhead."""
    (overhead,) = embedder.count_tokens([""])
    return " ".join(["a"] * (tokens - overhead))


class EmbedderContract:
    def test_vectors_are_float32_of_length_one_and_of_the_stated_dimension(self, embedder: Embedder) -> None:
        vectors = embedder.embed_passages(texts_of_many_lengths())
        assert vectors.dtype == np.float32
        assert vectors.shape == (40, embedder.spec.dimension)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)

    def test_a_vector_is_bit_identical_whatever_its_neighbours_and_their_order(self, embedder: Embedder) -> None:
        texts = texts_of_many_lengths()
        alone = np.stack([embedder.embed_passages([text])[0] for text in texts])
        assert np.array_equal(embedder.embed_passages(texts), alone)
        assert np.array_equal(embedder.embed_passages(texts[::-1]), alone[::-1])

    def test_threads_at_once_get_the_same_vectors(self, embedder: Embedder) -> None:
        texts = texts_of_many_lengths(12)
        expected = embedder.embed_passages(texts)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(embedder.embed_passages, [texts] * 8))
        assert all(np.array_equal(answer, expected) for answer in answers)

    def test_a_question_is_nearest_to_the_passage_about_the_same_thing(self, embedder: Embedder) -> None:
        passages = embedder.embed_passages(
            [
                "The broker restarts after the upgrade.",
                "Ask the refund team about the invoice.",
                "Lunch is at noon.",
            ]
        )
        question = embedder.embed_question("When does the broker restart? After an upgrade?")
        assert question.shape == (embedder.spec.dimension,)
        assert int((passages @ question).argmax()) == 0

    def test_no_texts_make_no_vectors(self, embedder: Embedder) -> None:
        assert embedder.embed_passages([]).shape == (0, embedder.spec.dimension)

    @pytest.mark.parametrize("blank", ["", " \n\t ", "half a pair: \ud83d"])
    def test_a_text_that_has_no_vector_is_refused_by_its_index(self, embedder: Embedder, blank: str) -> None:
        with pytest.raises(UnusableText, match="text 1 ") as refused:
            embedder.embed_passages(["fine", blank])
        assert refused.value.index == 1
        assert isinstance(refused.value, ValueError)
        with pytest.raises(UnusableText):
            embedder.embed_question(blank)

    def test_a_text_at_the_limit_is_embedded_and_one_token_more_is_refused(self, embedder: Embedder) -> None:
        limit = embedder.spec.max_tokens
        longest = text_of_tokens(embedder, limit)
        assert embedder.embed_passages([longest]).shape == (1, embedder.spec.dimension)
        with pytest.raises(TextTooLong) as refused:
            embedder.embed_passages(["fine", longest + " a"])
        assert (refused.value.index, refused.value.tokens, refused.value.limit) == (1, limit + 1, limit)

    def test_a_question_over_the_limit_is_refused_not_cut_off(self, embedder: Embedder) -> None:
        with pytest.raises(TextTooLong):
            embedder.embed_question(text_of_tokens(embedder, embedder.spec.max_tokens + 1))

    def test_tokens_of_a_long_text_are_counted_to_the_end(self, embedder: Embedder) -> None:
        long = text_of_tokens(embedder, 5000)
        assert embedder.count_tokens([long, "a"]) == [5000, embedder.count_tokens([""])[0] + 1]
