"""Where a reader of updates is, and the opaque cursor of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from query.gateway.cursor import Cursors
from query.gateway.refusals import InvalidCursor
from query.principal import Principal
from schemas.update import Standing, Update

Places = Mapping[int, int]
"""Partition -> the offset that is read next."""
KIND = "updates"


@dataclass(frozen=True, slots=True)
class Placed:
    """An update and where it stands in the topic."""

    partition: int
    offset: int
    update: Update


@dataclass(frozen=True, slots=True)
class Read:
    """Updates in the order of each partition, and where to read on."""

    updates: list[Placed]
    then: dict[int, int]


class Log(Protocol):
    """The updates, from any place that is kept. Blocking; safe to call from several threads.

    Each call raises UpdatesUnavailable while Kafka is away, CursorExpired for a place that is no longer kept.
    """

    def end(self) -> dict[int, int]:
        """The place after everything there is now."""

    def read(self, places: Places, most: int) -> Read:
        """About `most` updates from these places on; a partition that they do not name is read from its beginning."""


class UpdateCursors:
    """Places as text that says nothing to others: not even how much changes, whoever may see it."""

    def __init__(self, cursors: Cursors) -> None:
        self._cursors = cursors

    def closed(self, places: Places, who: Principal, standing: Standing) -> str:
        # As wide as they ever get: the length of a cursor tells nothing either.
        place = [[partition, f"{offset:019}"] for partition, offset in sorted(places.items())]
        return self._cursors.seal(KIND, who, standing.model_dump(), place)

    def opened(self, cursor: str, who: Principal, standing: Standing) -> dict[int, int]:
        """Raises InvalidCursor for one that was not given to this asker for this question."""
        said = self._cursors.open(KIND, who, standing.model_dump(), cursor)
        try:
            return {int(partition): int(offset) for partition, offset in said}
        except (TypeError, ValueError):
            raise InvalidCursor() from None
