"""`make bench-scale`: cost per event, memory and recovery as events and records grow; more workers, more cores."""

from itertools import islice
from typing import Any

from bench.common.options import Options
from bench.common.result import Bar, Result
from bench.common.stack import fresh_topics, servers
from bench.events import SOURCES, produce
from bench.scale.changes import HOT, NEW_EVERY, OFTEN, changes
from bench.scale.crew import Memory, crew, halves_mb
from bench.scale.product import at_work
from bench.scale.shown import section
from bench.scale.spent import WORKERS
from bench.scale.visit import VISIT, visit, window
from query.tokens import generate_keys

BATCH = 4_000
"""Events that the halves of a worker take together on the way to a size."""
WARM_UP = 1_000
WHOLE, QUICK = (10_000, 100_000, 1_000_000), (10_000, 20_000)
CREWS = ((1, 1), (1, 2), (4, 2))
"""Workers, and cores that they share; two on two cores are measured at each size."""
COST = "cost per event, last / first size"
WORKER_COST = "cost per event in the workers, last / first size"
MEMORY = "memory of a worker, last / first size"
HALVES_MEMORY = "memory of a worker's halves, last / second quarter of the run"
HALVES_FILLED = "memory of a worker's halves, last quarter / first events"
__all__ = ["run", "section"]


def run(options: Options) -> Result:
    sizes = QUICK if options.quick else WHOLE
    events = changes(options.seed)
    grown, crews = dict[int, Any](), dict[str, Any]()
    with servers(options, SOURCES, "kafka", "milvus") as settings:
        fresh_topics(settings)
        generate_keys(settings.home / "keys")
        with crew(settings, BATCH) as halves:
            halves.advance(done := WARM_UP, lambda: produce(settings.kafka, islice(events, WARM_UP)))
            for size in sizes:
                more, before = size - VISIT - done, halves.spent()
                halves.advance(more, lambda: produce(settings.kafka, islice(events, more)))  # noqa: B023
                way = halves.spent().each(before, more)
                options.say(f"{size:,} events: µs of CPU for each on the way {way}")
                grown[size], done = {**visit(settings, events), "us_per_event_on_the_way": way}, size
                options.say(f"   and for the last of them, with workers as they are {grown[size]['us_per_event']}")
            memory = halves.memory
        for number, cores in CREWS[:1] if options.quick else CREWS:
            with at_work(settings, number, cores) as workers:
                found = crews[f"{number} on {cores}"] = window(settings, workers, events)
            options.say(f"{number} workers on {cores} cores: {found['events_a_second']:,} events a second")
    return Result(
        what="what an event costs, what a worker holds in memory, and how long it takes to be back after a loss, as "
        "events and records grow; from the raw topic to the index, without the model",
        input={
            "seed": options.seed,
            "events": list(sizes),
            "records": [size // NEW_EVERY for size in sizes],
            "changes": f"one event in {NEW_EVERY} adds a record; of the others {OFTEN:.0%} change one of the {HOT} "
            "newest records, the rest any; half of them a column beside the text, half of them who may see it",
            "measured_events": VISIT,
            "batch_on_the_way": BATCH,
        },
        ratios=ratios([grown[size] for size in sizes], memory),
        measured={
            "grown": {str(size): found for size, found in grown.items()},
            "crews": crews,
            "memory_mb": memory,
        },
        bars={COST: Bar.at_most(1.2), MEMORY: Bar.at_most(1.1), HALVES_MEMORY: Bar.at_most(1.1)},
    )


def ratios(visits: list[Any], memory: Memory) -> dict[str, float]:
    """What the halves remember, which is bounded, has filled by the second quarter of the run."""
    first, last = visits[0], visits[-1]
    return {
        COST: _ratio(last["us_per_event"]["all"], first["us_per_event"]["all"]),
        WORKER_COST: _ratio(last["us_per_event"][WORKERS], first["us_per_event"][WORKERS]),
        MEMORY: _ratio(last["memory_mb"][WORKERS], first["memory_mb"][WORKERS]),
        HALVES_MEMORY: _ratio(sum(halves_mb(memory, 4).values()), sum(halves_mb(memory, 2).values())),
        HALVES_FILLED: _ratio(sum(halves_mb(memory, 4).values()), sum(memory[0][1].values())),
    }


def _ratio(this: float, that: float) -> float:
    return round(this / that, 3)
