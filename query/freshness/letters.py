"""How many dead letters there are, by source and reason: kept in memory, read on from where it was last read."""

from collections import Counter
from collections.abc import Callable, Iterable

from pydantic import ValidationError

from connectors.kafka_admin import KafkaAdmin
from connectors.kafka_offsets import NO_GROUP, KafkaOffsets
from schemas.dead_letter import DeadLetter
from schemas.topics import DEAD_LETTERS

UNREADABLE = "unreadable"
"""The reason, of source "", of a message that is no dead letter as this version writes them."""
PLACE = (DEAD_LETTERS, 0)

Tallied = Counter[tuple[str, str]]
"""(source, reason) -> open dead letters."""
Stored = tuple[int, bytes, bytes | None]
"""A message of the topic: offset, key, value."""


class Tally:
    """The fold of the topic: of each key the last message counts, and none is a settled letter. Not thread-safe.

    `read` gives the messages from one offset to before another; `bounds` the first offset and the end of the topic.
    """

    def __init__(self, bounds: Callable[[], tuple[int, int]], read: Callable[[int, int], Iterable[Stored]]) -> None:
        self._bounds, self._read = bounds, read
        self._next = 0
        self._open: dict[bytes, tuple[str, str]] = {}

    def counted(self) -> Tallied:
        """All open letters now. Raises Unavailable("Kafka"); the next call goes on from there."""
        begin, end = self._bounds()
        if end < self._next:  # the topic was made anew
            self._next, self._open = 0, {}
        for offset, key, value in self._read(max(begin, self._next), end):
            self._take(key, value)
            self._next = offset + 1
        self._next = max(self._next, end)
        return Counter(self._open.values())

    def _take(self, key: bytes, value: bytes | None) -> None:
        self._open.pop(key, None)
        if value is None:
            return
        try:
            letter = DeadLetter.model_validate_json(value)
            self._open[key] = letter.source, letter.reason
        except ValidationError:
            self._open[key] = "", UNREADABLE


def tally_of(bootstrap: str, timeout: float) -> Tally:
    """The tally of the topic itself. Each wait for Kafka is bounded by `timeout` seconds."""
    kafka, offsets = KafkaAdmin(bootstrap, timeout), KafkaOffsets(bootstrap, NO_GROUP, timeout)

    def bounds() -> tuple[int, int]:
        begin = offsets.begin_offsets([DEAD_LETTERS]).get(PLACE, 0)
        return begin, offsets.end_offsets([DEAD_LETTERS]).get(PLACE, 0)

    def read(start: int, end: int) -> Iterable[Stored]:
        for message in kafka.read_partition(*PLACE, start, end):
            yield message.offset() or 0, message.key() or b"", message.value()

    return Tally(bounds, read)
