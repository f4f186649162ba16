"""What docs/performance.md shows of how the product scales. Pure."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from bench.common.page import Section, table
from bench.common.plots import Plot
from bench.common.result import Result
from bench.scale.crew import ROLES, halves_mb
from bench.scale.spent import PARTS

WIDTH = 120
HOW = """\
Work grows to {last:,} events, by which {records:,} records are there: {changes}. A cheap deterministic embedder stands
in for the model, with vectors as wide. Most of the way is gone without Faust, in batches of {batch:,}: the product's
intake and indexing, each in a process of its own, from the same topics to the same index. At each size the last
{measured:,} events go through two workers as they are, with Faust and its usual batches, on two cores: theirs is the
cost and the memory below.

Microseconds of CPU for an event at each size, and events a second; beside them what an event took on the way there from
the size before, which has all merges of segments in it that Milvus Lite makes now and then:"""
BACK = """\
Memory in MB (of workers the larger), and seconds: from the start of two workers until their group is at work; from
SIGKILL of one of them until the other is through with what came for both (Kafka waits 10 s before it gives a lost
worker's partitions away); from SIGKILL of Milvus Lite until it answers again; from the start of the API, which keeps
nothing, until it may answer:"""
FILLING = """\
Over the whole run intake and indexing began with {first} MB and had {second} MB in its second quarter and {last} MB in
its last. What fills is bounded: vectors (32 MB, streams/ahead.py) and cut texts (32 MB, streams/indexing.py) of the
newest texts, hashes of 20,000 words (index/words.py), 100,000 labels (streams/taking.py), and buffers for batches of
{batch:,}."""
CREWS = "More workers and cores, at the last size: the same events through workers that share so many cores:"


def section(result: Result) -> Section:
    grown, crews, given = result.measured["grown"], result.measured["crews"], result.input
    memory = result.measured["memory_mb"]
    told = HOW.format(
        last=given["events"][-1],
        records=given["records"][-1],
        changes=given["changes"],
        batch=given["batch_on_the_way"],
        measured=given["measured_events"],
    )
    filling = FILLING.format(
        first=_both(memory[0][1]),
        second=_both(halves_mb(memory, 2)),
        last=_both(halves_mb(memory, 4)),
        batch=given["batch_on_the_way"],
    )
    costs = [
        (
            f"{int(size):,}",
            *_cost(found),
            *(f"{found['us_per_event_on_the_way'][part]:,.0f}" for part in (*PARTS, "all")),
        )
        for size, found in grown.items()
    ]
    after = ("workers_start_s", "takeover_s", "milvus_restart_s", "api_ready_s")
    back = [(f"{int(size):,}", *_memory(found), *(found[name] for name in after)) for size, found in grown.items()]
    sharing = [(name, *_cost(found), f"{found['memory_mb']['workers']:.0f}") for name, found in crews.items()]
    markdown = [
        _wrapped(told),
        table(("events", *PARTS, "all", "events a second", *(f"way: {part}" for part in (*PARTS, "all"))), costs),
        BACK,
        table(("events", *PARTS, "workers start", "takeover", "Milvus", "API"), back),
        _wrapped(filling),
        CREWS,
        table(("workers on cores", *PARTS, "all", "events a second", "a worker, MB"), sharing),
    ]
    return Section("\n\n".join(markdown), (_costs_plot(grown), _memory_plot(memory)))


def _wrapped(text: str) -> str:
    return "\n\n".join(fill(" ".join(part.split()), WIDTH) for part in text.split("\n\n"))


def _both(held: Mapping[str, float]) -> str:
    return " + ".join(f"{held[role]:.0f}" for role in ROLES)


def _cost(found: Mapping[str, Any]) -> list[str]:
    figures = [found["us_per_event"][part] for part in (*PARTS, "all")]
    return [f"{figure:,.0f}" for figure in (*figures, found["events_a_second"])]


def _memory(found: Mapping[str, Any]) -> list[str]:
    return [f"{found['memory_mb'][part]:.0f}" for part in PARTS]


def _costs_plot(grown: Mapping[str, Any]) -> Plot:
    def draw(axes: Any) -> None:
        names = [f"{int(size):,} events" for size in grown]
        begun = [0.0] * len(names)
        for part in PARTS:
            costs = [found["us_per_event"][part] for found in grown.values()]
            axes.bar(names, costs, bottom=begun, label=part)
            begun = [before + cost for before, cost in zip(begun, costs, strict=True)]
        axes.set_ylabel("microseconds of CPU per event")
        axes.legend()

    return Plot("scale", "CPU per event as work grows, by process", draw)


def _memory_plot(memory: Any) -> Plot:
    def draw(axes: Any) -> None:
        for role in ROLES:
            axes.plot([events for events, _ in memory], [held[role] for _, held in memory], label=role)
        axes.set_xlabel("events")
        axes.set_ylabel("megabytes")
        axes.set_ylim(bottom=0)
        axes.legend()

    return Plot("scale-memory", "Memory of the two halves of a worker over the run", draw)
