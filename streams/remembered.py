"""A memory of what was computed last: so many bytes of it, and no more."""

from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """What was put first goes first, once all together are over `most_bytes`. Safe to use from several threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: dict[K, tuple[V, int]] = {}
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        found = self._kept.get(key)
        return None if found is None else found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """`size`: bytes of key and value together. What alone is over the limit is not kept."""
        with self._lock:
            if key in self._kept:
                self._bytes -= self._kept.pop(key)[1]
            self._kept[key] = value, size
            self._bytes += size
            while self._bytes > self._most_bytes:
                self._bytes -= self._kept.pop(next(iter(self._kept)))[1]

    @property
    def bytes(self) -> int:
        """Of all that is kept."""
        return self._bytes
