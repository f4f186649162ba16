"""`make bench-search`: the API over HTTP, its answers on record, beside the bare sum of its parts."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.common.options import Options
from bench.common.result import Bar, Result
from bench.retrieval.labelled import questions
from bench.search.company import LABELS, VISIBLE, fill
from bench.search.measure import MakeWay, compared, many_clients, one_client
from bench.search.page import BAR, UNEMBEDDED, WORST, section
from bench.search.stage import Stage, staged
from bench.search.ways import LIMIT, Api, Parts, Way
from query.grounds import grounds_of

__all__ = ["BAR", "run", "section"]

MOST = 1.15
CLIENTS = (8, 32)


@dataclass(frozen=True, slots=True)
class Size:
    """`asked`: by one client at each visibility. `turn_s`: of several clients; `crowd_sees`: what they see, percent."""

    chunks: int
    asked: int
    turn_s: float
    crowd_sees: tuple[int, ...]


WHOLE = (Size(1_000, 60, 1.5, (10, 100)), Size(20_000, 60, 2, (10, 100)), Size(100_000, 40, 3, (10,)))
QUICK = (Size(1_000, 8, 1, (10,)), Size(2_000, 8, 1, (10,)))


def run(options: Options) -> Result:
    options.home.mkdir(parents=True, exist_ok=True)
    chosen = QUICK if options.quick else WHOLE
    measured: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=options.home) as folder, staged(Path(folder), options) as stage:
        for size in chosen:
            for _ in stage.index.grow(size.chunks):
                pass
            options.say(f"{size.chunks:,} chunks are in the index")
            measured[f"{size.chunks}"] = dict(_measured(stage, size, options))
    return Result(
        what="time of an answer by the API (HTTP, permissions, exact freshness ranking, decision log on disk), and of "
        "the sum of its parts: embed the question, then one Milvus search with the same filter",
        input={"seed": options.seed, "limit": LIMIT, "labels": LABELS, "visible_percent": list(VISIBLE)},
        ratios=ratios_of(measured),
        measured=measured,
        bars={BAR: Bar.at_most(MOST)},
    )


def _measured(stage: Stage, size: Size, options: Options) -> Iterator[tuple[str, Any]]:
    asked = [each.ask for each in questions()]
    grounds = grounds_of(stage.settings)
    fill(grounds)
    sources = frozenset(grounds.contracts)
    for percent in VISIBLE:
        api, parts = Api.of(stage, percent), Parts.of(stage, percent, grounds.view, sources)
        ways: dict[str, Way] = {"api": api, "parts": parts}
        found = compared(one_client(ways, asked, size.asked))
        steps = {"api_steps_ms": medians(api.timings), "parts_steps_ms": medians(parts.timings)}
        yield f"{percent} % visible, 1 client", found | steps
        options.say(f"{size.chunks:,} chunks, {percent} % visible: {found['api / parts']} × the parts")
        if percent not in size.crowd_sees:
            continue
        makers: dict[str, MakeWay] = {
            "api": partial(Api.of, stage, percent),
            "parts": partial(Parts.of, stage, percent, grounds.view, sources),
        }
        for clients in CLIENTS:
            yield f"{percent} % visible, {clients} clients", many_clients(makers, asked, clients, size.turn_s)


def medians(timings: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {step: round(median(ms), 2) for step, ms in timings.items()}


def ratios_of(measured: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Of each size the median over what is visible; the bar's is the median over all of one client."""
    alone = {
        chunks: [found["api / parts"] for found in each.values() if "api / parts" in found]
        for chunks, each in measured.items()
    }
    every = [ratio for ratios in alone.values() for ratio in ratios]
    of_size = {f"{BAR}, {int(chunks):,} chunks": round(median(ratios), 3) for chunks, ratios in alone.items()}
    unembedded = [_unembedded(found) for each in measured.values() for found in each.values() if "api / parts" in found]
    found = {BAR: median(every), WORST: max(every), UNEMBEDDED: median(unembedded)}
    return {name: round(ratio, 3) for name, ratio in found.items()} | of_size


def _unembedded(found: Mapping[str, Any]) -> float:
    """What is left of both when the model's time is taken away: the same model is most of either."""
    api, parts = found["api_ms"]["p50"] - found["api_steps_ms"]["embed"], found["parts_steps_ms"]["search"]
    return float(api / parts)
