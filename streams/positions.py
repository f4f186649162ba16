"""Up to which position each partition of the raw topics was read, message by message without a gap. Pure."""

from schemas.change import Origin
from schemas.position import START, Position


class Positions:
    """Remembers only what it is sure of: after a gap or a rewind (rebalance, restart) a partition is unknown again."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], tuple[int, Position]] = {}

    def before(self, origin: Origin) -> Position | None:
        """The highest position streamed before this message in its partition; None = unknown, look it up."""
        if origin.offset == 0:
            return START
        known = self._last.get((origin.topic, origin.partition))
        return known[1] if known is not None and known[0] == origin.offset - 1 else None

    def note(self, origin: Origin, before: Position | None, streamed: Position | None) -> None:
        """A message was read; `before` is what stood before it, `streamed` its own position if it was streamed."""
        place = (origin.topic, origin.partition)
        highest = max((position for position in (before, streamed) if position is not None), default=None)
        if highest is None:
            self._last.pop(place, None)
        else:
            self._last[place] = (origin.offset, highest)
