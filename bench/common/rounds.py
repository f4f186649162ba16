"""Runs of rivals in turns, so that whatever else the machine does meets all of them; and what they amount to. Pure."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from statistics import median
from typing import TypeVar

T = TypeVar("T")


def interleaved(
    runs: Mapping[str, Callable[[], T]], rounds: int, warm_up: Callable[[], object] | None = None
) -> dict[str, list[T]]:
    """Name -> one outcome a round. Every other round goes in the reverse order."""
    if warm_up is not None:
        warm_up()
    outcomes: dict[str, list[T]] = {name: [] for name in runs}
    for number in range(rounds):
        for name in list(runs) if number % 2 == 0 else list(runs)[::-1]:
            outcomes[name].append(runs[name]())
    return outcomes


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, lowest, highest; of at least one value."""
    return {"median": _short(median(values)), "low": _short(min(values)), "high": _short(max(values))}


def ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """The median of these / those, round by round: what slows a whole round down does not count."""
    return _short(median(this / that for this, that in zip(these, those, strict=True)))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def _short(value: float) -> float:
    return float(f"{value:.4g}")
