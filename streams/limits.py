"""When a table must stop rather than drain into the dead-letter topic. Pure.

One bad row is a dead letter. A column that is gone, a long run of rejected rows, or a large share of them, means that
the contract no longer fits the table: then the table stops, keeps its last good version searchable, and nothing of it
is acknowledged until somebody has looked.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Self

from schemas.errors import Rejected

RUN = 50
"""Rejected rows of a table in a row."""
WINDOW = 400
SHARE = 0.5
"""Rejected rows among the last WINDOW of a table."""


@dataclass(slots=True)
class _Recent:
    run: int = 0
    rejected: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))


class Limits:
    """Counts what was rejected, by raw topic."""

    def __init__(self) -> None:
        self._recent: dict[str, _Recent] = {}

    def copy(self) -> Self:
        """The same counts, to go on with on trial."""
        other = type(self)()
        other._recent = {topic: _Recent(r.run, r.rejected.copy()) for topic, r in self._recent.items()}
        return other

    def exceeded(self, topic: str, rejected: Rejected | None) -> str | None:
        """Note one event; why its table must stop, in words, or None."""
        recent = self._recent.setdefault(topic, _Recent())
        recent.run = recent.run + 1 if rejected else 0
        recent.rejected.append(rejected is not None)
        if rejected is None:
            return None
        if rejected.reason == "missing_column":
            return str(rejected)
        if recent.run >= RUN:
            return f"{recent.run} rows in a row were rejected, the last because: {rejected}"
        if len(recent.rejected) == WINDOW and sum(recent.rejected) >= SHARE * WINDOW:
            return f"{sum(recent.rejected)} of the last {WINDOW} rows were rejected, the last because: {rejected}"
        return None
