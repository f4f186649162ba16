"""The generations of the index as the stream job opens them."""

from schemas.settings import Settings
from streams.indexes import Indexes


def test_looking_after_the_history_again_and_again_takes_one_connection() -> None:
    indexes = Indexes(Settings())
    assert indexes.history(1) is indexes.history(1)
    assert indexes.history(1) is not indexes.history(2)
