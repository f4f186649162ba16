"""The newest updates in memory, by partition. Pure."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from query.updates.places import Placed


@dataclass(slots=True)
class _Partition:
    """What stands from `first` to before `then`; `first` rises as older updates are forgotten."""

    first: int
    then: int
    placed: list[Placed] = field(default_factory=list)


class Kept:
    """At least the newest `most` updates of each partition since `begin`."""

    def __init__(self, begin: Mapping[int, int], most: int) -> None:
        self._most = most
        self._partitions = {number: _Partition(at, at) for number, at in begin.items()}

    @property
    def end(self) -> dict[int, int]:
        return {number: one.then for number, one in self._partitions.items()}

    def first(self, partition: int) -> int:
        """From this offset on all is in memory."""
        return self._partitions[partition].first

    def add(self, placed: Placed) -> None:
        one = self._partitions[placed.partition]
        one.placed.append(placed)
        one.then = placed.offset + 1
        if len(one.placed) > 2 * self._most:
            one.placed = one.placed[-self._most :]
            one.first = one.placed[0].offset

    def skip(self, partition: int, offset: int) -> None:
        """There is nothing to be told of at this offset."""
        self._partitions[partition].then = offset + 1

    def after(self, partition: int, offset: int, most: int) -> tuple[list[Placed], int]:
        """From an offset in memory: up to `most` updates, and where to go on after them."""
        one = self._partitions[partition]
        begin = bisect_left(one.placed, offset, key=lambda placed: placed.offset)
        found = one.placed[begin : begin + most]
        return found, found[-1].offset + 1 if len(found) == most else one.then
