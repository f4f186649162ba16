import numpy as np
import pytest
from embedder_contract import EmbedderContract

from index.embedder import Embedder, require_unit
from index.errors import BrokenVector
from index.hash_embedder import HashEmbedder


class TestHashEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return HashEmbedder()


def test_texts_that_share_words_are_more_similar_the_more_they_share() -> None:
    near, far, other = HashEmbedder().embed_passages(["red green blue", "red green lamp", "one two three"])
    assert float(near @ far) > float(near @ other)


@pytest.mark.parametrize("row", [[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 0.0], [3.0, 4.0]])
def test_a_vector_that_is_not_of_length_one_is_never_passed_on(row: list[float]) -> None:
    with pytest.raises(BrokenVector, match="text 1 "):
        require_unit(np.array([[1.0, 0.0], row], dtype=np.float32), 2)


def test_vectors_of_another_dimension_are_never_passed_on() -> None:
    with pytest.raises(BrokenVector, match="shape"):
        require_unit(np.eye(3, dtype=np.float32), 2)
