"""Commit → answerable at several rates of change, on the real local stack: `make bench-freshness`."""

import time
from random import Random
from typing import Any

from bench.common.options import Options
from bench.common.page import Section, table
from bench.common.result import Bar, Result
from bench.common.rivals import RIVALS as NAMES
from bench.freshness import rivals
from bench.freshness.cores import look
from bench.freshness.found import Found, watching
from bench.freshness.hops import HOPS, largest, summary
from bench.freshness.limit import ONE, SOME, embedder_alone
from bench.freshness.plot import stacked
from bench.freshness.stage import Stage, staged
from bench.freshness.stamps import Topics, collect
from index.generations import Generation
from index.milvus_schema import Names
from schemas.errors import Unavailable
from schemas.settings import Settings
from schemas.topics import CHANGES

RATES = {1: (15.0, 6.0), 20: (40.0, 8.0), 50: (10.0, 4.0), 100: (15.0, 4.0)}
"""Changes a second -> for how many seconds, and with `quick`."""
RIVALS_AT, RIVALS_S = 20, (12.0, 5.0)
WARM_UP_RATE, WARM_UP_S = 20.0, 8.0
ROWS = 500
QUIET_S = 3.0
"""When so long nothing more is found, all is found that ever will be: a change that a newer one overtook is not."""
BARS = {"p50": 150.0, "p99": 500.0}
"""Milliseconds at RIVALS_AT changes a second, at most."""


HOW = """\
Each change is a transaction of its own, committed at random times that keep to the rate whether the changes before
it are through or not. The times are those that a change carries: PostgreSQL's commit (`source.ts_us`) and
Debezium's (`ts_us`) in the raw message, the timestamps of its messages in the raw topic, `freshline.changes` and
`freshline.updates`, and the two that an update tells (`begun_ms`, `embedded_ms`). *Found* is the end of a search of
the index, restricted to the record, that was begun as soon as the update was here. Rivals read the same raw topic,
one by one while Freshline does not run; their collection is looked at every 50 ms, which makes 25 ms of their figures.
LlamaIndex and CocoIndex have no path from Debezium of their own (with one, they would be the plain loop), and Pathway's
takes other messages (REPLICA IDENTITY FULL, with schemas), so it needs a connector of its own: not measured here. What
the whole machine took of the cores beyond the sum of the parts was other work."""
ALONE = (
    "The model alone, with nothing beside it, embeds {one:.0f} of these texts a second one at a time, {some:.0f} {how}."
)


def run(options: Options) -> Result:
    """Measure the model alone, then the rivals one by one, then each rate, after a warm-up."""
    alone = embedder_alone(options)
    with staged(options, ROWS, Random(f"{options.seed}/freshness")) as stage:
        others = {name: _rival(options, stage, name) for name in rivals.RIVALS[: options.size(3, 1)]}
        settings, live = stage.start()
        _at(stage, settings, live, WARM_UP_RATE, WARM_UP_S)
        rates = {}
        for rate, (whole, quick) in RATES.items():
            rates[str(rate)] = found = _at(stage, settings, live, float(rate), quick if options.quick else whole)
            total, hop = found["total"], largest(found["hops"])
            options.say(f"{rate} a second: p50 {total['p50']:.0f} ms, p99 {total['p99']:.0f} ms")
            options.say(f"   the largest hop: {HOPS[hop]}, {found['hops'][hop]['mean']:.0f} ms on average")
    ours = rates[str(RIVALS_AT)]["total"]
    ratios = {_bar(name): round(ours[name] / most, 3) for name, most in BARS.items()}
    for name, other in others.items():
        if "total" in other:
            ratios[f"p50 of {NAMES[name]} / ours"] = round(other["total"]["p50"] / ours["p50"], 2)
    return Result(
        what="milliseconds from a commit until a search finds the change, hop by hop",
        input={
            "seed": options.seed,
            "rows": ROWS,
            "changes": "one row a transaction, at random times: 90 % rewrite a text of 10 to 40 words, 10 % insert one",
        },
        ratios=ratios,
        measured={"rates": rates, "rivals": others, "model alone, texts a second": alone},
        bars={_bar(name): Bar.at_most(1.0) for name in BARS},
    )


def section(result: Result) -> Section:
    """Figures by rate, hops by rate, rivals, verdicts, and the plot of hops."""
    rates, others = result.measured["rates"], result.measured["rivals"]
    columns = ("p50", "p90", "p99", "max")
    lines = [["Freshline", rate, *(f"{found['total'][name]:.0f}" for name in columns)] for rate, found in rates.items()]
    for name, found in others.items():
        shown = (f"{found['total'][column]:.0f}" for column in columns) if "total" in found else ("did not run",) * 4
        lines.append([NAMES[name], RIVALS_AT, *shown])
    totals = table(["commit → found", "changes a second", *(f"{name}, ms" for name in columns)], lines)
    hops = [
        [words, *(f"{found['hops'][hop]['p50']:.0f} / {found['hops'][hop]['p99']:.0f}" for found in rates.values())]
        for hop, words in HOPS.items()
    ]
    parts = list(next(iter(rates.values()))["cores"])
    cores = [[part, *(f"{found['cores'].get(part, 0):.2f}" for found in rates.values())] for part in parts]
    by_rate, alone = [f"{rate} a second" for rate in rates], result.measured["model alone, texts a second"]
    words = [
        HOW,
        totals,
        table(["hop: p50 / p99, ms", *by_rate], hops),
        table(["cores in use", *by_rate], cores),
        ALONE.format(one=alone[ONE], some=alone[SOME], how=SOME),
    ]
    return Section("\n\n".join(words), (stacked(rates, RIVALS_AT, BARS),))


def _bar(name: str) -> str:
    return f"{name} at {RIVALS_AT} a second / {BARS[name]:g} ms"


def _rival(options: Options, stage: Stage, name: str) -> dict[str, Any]:
    """Its figures; or why there are none."""
    seconds = RIVALS_S[1] if options.quick else RIVALS_S[0]
    try:
        found = rivals.measure(options, stage, name, float(RIVALS_AT), seconds)
    except Unavailable as error:
        options.say(f"{NAMES[name]}: {error}")
        return {"did not run": str(error)}
    options.say(f"{NAMES[name]}: p50 {found['total']['p50']:.0f} ms, p99 {found['total']['p99']:.0f} ms")
    return found


def _at(stage: Stage, settings: Settings, live: Generation, rate: float, seconds: float) -> dict[str, Any]:
    """What one rate gives. Raises AssertionError where a change that was told of is not found."""
    topics = Topics(settings.kafka, [rivals.RAW, CHANGES])
    collection = Names(settings.collection, live.number).chunks
    try:
        with watching(settings, collection, live.model.dimension) as found:
            before, began = look(stage.stack), time.monotonic()
            count = stage.load.run(rate, seconds)
            offered, cores = count / (time.monotonic() - began), look(stage.stack).since(before)
            _drained(found, count)
        stamps, came = collect(topics, found)
    finally:
        topics.close()
    counts = {"offered a second": round(offered, 1), "committed": count, "came through": came}
    return {**counts, "cores": cores, **summary(stamps)}


def _drained(found: Found, count: int) -> None:
    """Wait until so many changes are found, or no more come."""
    before, since = -1, time.monotonic()
    while len(found.at_ms) < count and time.monotonic() - since < QUIET_S:
        if len(found.at_ms) > before:
            before, since = len(found.at_ms), time.monotonic()
        time.sleep(0.1)
