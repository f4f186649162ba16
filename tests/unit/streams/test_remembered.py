"""A memory bounded in bytes, whatever is put into it and by how many threads."""

from concurrent.futures import ThreadPoolExecutor

from streams.remembered import Remembered


def test_what_was_put_is_there_until_all_together_are_over_the_limit_and_then_the_first_goes() -> None:
    memory = Remembered[str, int](10)
    memory.put("a", 1, 4)
    memory.put("b", 2, 6)
    assert (memory.get("a"), memory.get("b"), memory.bytes) == (1, 2, 10)
    memory.put("c", 3, 1)
    assert (memory.get("a"), memory.get("b"), memory.get("c"), memory.bytes) == (None, 2, 3, 7)


def test_what_is_put_again_counts_once_and_stands_last() -> None:
    memory = Remembered[str, int](10)
    memory.put("a", 1, 5)
    memory.put("b", 2, 5)
    memory.put("a", 3, 4)
    memory.put("c", 4, 5)
    assert (memory.get("a"), memory.get("b"), memory.get("c"), memory.bytes) == (3, None, 4, 9)


def test_what_is_too_large_alone_is_not_kept() -> None:
    memory = Remembered[str, int](10)
    memory.put("large", 1, 11)
    assert (memory.get("large"), memory.bytes) == (None, 0)


def test_many_threads_at_once_do_not_lose_count() -> None:
    memory = Remembered[int, int](1_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: memory.put(number % 700, number, 2), range(20_000)))
    assert memory.bytes == 1_000
    assert sum(memory.get(key) is not None for key in range(700)) == 500
