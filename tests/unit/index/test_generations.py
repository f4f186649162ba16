"""Which collection belongs to which generation of which index."""

import pytest

from index.milvus_generations import alias, number_of
from index.milvus_schema import Names


@pytest.mark.parametrize("index", ["freshline", "a", "a_g1", "my_chunks"])
@pytest.mark.parametrize("number", [1, 9, 10, 12345])
def test_the_number_is_read_back_from_the_name(index: str, number: int) -> None:
    assert number_of(index, Names(index, number).chunks) == number


@pytest.mark.parametrize(
    "collection",
    [
        "",
        alias("freshline"),
        "freshline_deleted",
        "freshline_g1_deleted",
        "freshline_g0_chunks",
        "freshline_g01_chunks",
        "freshline_g_chunks",
        "freshline_g1_chunks_x",
        "xfreshline_g1_chunks",
        "freshline_g1_g1_chunks",
        "other_g1_chunks",
    ],
)
def test_any_other_collection_is_no_generation_of_the_index(collection: str) -> None:
    assert number_of("freshline", collection) is None


def test_an_index_whose_name_begins_like_another_is_not_taken_for_it() -> None:
    assert number_of("freshline", Names("freshline_g2", 3).chunks) is None
    assert number_of("fresh.ine", Names("freshline", 3).chunks) is None
