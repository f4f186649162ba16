"""Where the time of an answer went."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds by step; a step measured again adds up."""

    _ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, step: str) -> Iterator[None]:
        began = perf_counter()
        try:
            yield
        finally:
            self._ms[step] = self._ms.get(step, 0.0) + (perf_counter() - began) * 1000

    def timings(self) -> dict[str, float]:
        """Rounded to microseconds; `leave` and `rank` without what happened within them, and all of it as `total`."""
        inner = {"leave": "rank", "rank": "retrieve"}
        net = {step: ms - self._ms.get(inner.get(step, ""), 0.0) for step, ms in self._ms.items()}
        order = ("authorize", "embed", "retrieve", "rank", "leave", "rerank", "fit", "record")
        told = {step: round(net[step], 3) for step in order if step in net}
        return {**told, "total": round(sum(net.values()), 3)}
