"""The two ways side by side: question by question with one client, and in turns with several at once."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from typing import Any

from bench.common.rounds import interleaved, percentile, ratio, spread
from bench.search.ways import Way

MakeWay = Callable[[], Way]
WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Busy:
    """What several clients got in one turn: the milliseconds of each answer, and answers a second of all together."""

    ms: list[float]
    a_second: float


def one_client(ways: Mapping[str, Way], questions: Sequence[str], count: int) -> dict[str, list[float]]:
    """Milliseconds of each question, both ways, one right after the other; every other question in reverse order."""
    asked, names = cycle(questions), list(ways)
    for question in islice(asked, WARM_UP):
        for way in ways.values():
            way.ask(question)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number, question in enumerate(islice(asked, count)):
        for name in names if number % 2 == 0 else names[::-1]:
            taken[name].append(timed(ways[name], question))
    return taken


def compared(taken: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """What one client had: medians and tails, and how they compare."""
    shown: dict[str, Any] = {f"{name}_ms": _tails(ms) for name, ms in taken.items()}
    p50 = {name: median(ms) for name, ms in taken.items()}
    return {**shown, "api / parts": round(p50["api"] / p50["parts"], 3)}


def many_clients(
    makers: Mapping[str, MakeWay], questions: Sequence[str], clients: int, turn_s: float
) -> dict[str, Any]:
    """As `clients` closed loops see it: each asks its next question when it has an answer. Two turns each way."""
    runs = {name: _turn(make, questions, clients, turn_s) for name, make in makers.items()}
    turns = interleaved(runs, rounds=2)
    shown: dict[str, Any] = {}
    for name, each in turns.items():
        shown[f"{name}_ms"] = _tails([ms for turn in each for ms in turn.ms])
        shown[f"{name}_a_second"] = spread([turn.a_second for turn in each])
    rates = {name: [turn.a_second for turn in each] for name, each in turns.items()}
    return {**shown, "throughput, api / parts": ratio(rates["api"], rates["parts"])}


def timed(way: Way, question: str) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    way.ask(question)
    return (time.perf_counter() - began) * 1000


def _turn(make: MakeWay, questions: Sequence[str], clients: int, turn_s: float) -> Callable[[], Busy]:
    def run() -> Busy:
        ways, taken, failed = [make() for _ in range(clients)], list[float](), list[Exception]()
        begin = time.perf_counter()

        def ask(way: Way, asked: Iterator[str]) -> None:
            try:
                while time.perf_counter() - begin < turn_s:
                    taken.append(timed(way, next(asked)))
            except Exception as error:
                failed.append(error)

        threads = [
            threading.Thread(target=ask, args=[way, islice(cycle(questions), number, None)])
            for number, way in enumerate(ways)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]
        return Busy(taken, len(taken) / (time.perf_counter() - begin))

    return run


def _tails(ms: Sequence[float]) -> dict[str, float]:
    return {"p50": round(median(ms), 1), "p99": round(percentile(ms, 99), 1), "asked": len(ms)}
