import pytest

from schemas.topics import raw_topic


@pytest.mark.parametrize(
    ("table", "topic"),
    [
        ("public.orders", "shop.public.orders"),
        ("public.Odd Table-1", "shop.public.Odd_Table-1"),
        ("public.Größe", "shop.public.Gr__e"),
        ("public.\U0001f40e", "shop.public.__"),
    ],
)
def test_a_raw_topic_is_named_as_debezium_names_it(table: str, topic: str) -> None:
    assert raw_topic("shop", table) == topic
