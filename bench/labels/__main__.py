"""`python -m bench.labels`: the figures of docs/scaling.md, into it and into bench/results/labels.json. 2 minutes."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.common.options import options
from bench.common.page import Section, show, table
from bench.common.plots import Plot
from bench.common.result import Result
from bench.labels.cost import CHUNKS, deciding, loading, memory, searching
from bench.labels.sharing import together
from schemas.topics import LABELS, RELATIONS

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
PEOPLE = (100, 1_000, 10_000, 100_000, 1_000_000)
KINDS = {"owner named": False, "lean": True}
SEEN = ("p50", "p95", "p99", "max")


def main() -> int:
    given = options(_say)
    result = measured(given.seed, PEOPLE, given.say)
    result.write("labels")
    show("labels", section(result), PAGE)
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def measured(seed: int, people: tuple[int, ...], say: Any) -> Result:
    filters = {}
    for name, lean in KINDS.items():
        for count in people:
            shared = together(count, seed, lean)
            say(f"{count:,} people, {name}")
            filters[f"{count} people, {name}"] = {
                source: {"labels": each.labels, **dict(zip(SEEN, _percentiles(each.seen), strict=True))}
                for source, each in shared.items()
            }
    return Result(
        what="labels that a search's filter names, simulated; what labels and relations cost the query process, "
        "measured",
        input={"seed": seed, "people": list(people), "chunks_searched": CHUNKS},
        ratios={},
        measured={
            "filters": filters,
            "bytes": memory(),
            "read_a_second": loading(),
            "decide_ms": deciding(),
            "search_ms": searching(seed),
        },
        machine={"cpus": len(os.sched_getaffinity(0)), "load": round(os.getloadavg()[0], 2)},
    )


def section(result: Result) -> Section:
    found = result.measured
    rows = []
    for name, sources in found["filters"].items():
        people, kind = name.split(" people, ")
        each = sources["all"]
        most = max((source for source in sources if source != "all"), key=lambda source: float(sources[source]["p50"]))
        seen = (f"{each[name]:,}" for name in SEEN)
        rows.append((f"{int(people):,}", kind, f"{each['labels']:,}", *seen, most))
    costs = [
        (f"{int(count):,}", f"{20 * int(count) / 1000:,.0f} kB", ms, found["search_ms"][count])
        for count, ms in found["decide_ms"].items()
    ]
    size, reads = found["bytes"], found["read_a_second"]
    markdown = "\n\n".join(
        [
            "Labels of a tenant, and labels in the filter of one question of all four sources, by percentile of who "
            "asks (simulated, `bench/labels/sharing.py`):",
            table(("people", "contracts", "labels", *SEEN, "most of the median"), rows),
            f"Measured: the permission view takes {size['label']:,} bytes a label and {size['relation tuple']:,} bytes "
            f"a relation tuple, and takes in {reads[LABELS]:,} labels or {reads[RELATIONS]:,} tuples a second at the "
            f"start. On Milvus Lite with {result.input['chunks_searched']:,} chunks:",
            table(("labels in the filter", "its text", "decide, ms", "search, ms"), costs),
        ]
    )
    caption = "Labels in the filter of one question, by people in the tenant"
    return Section(markdown, (Plot("labels", caption, lambda axes: _draw(axes, found["filters"])),))


def _draw(axes: Any, filters: Any) -> None:
    for kind, colour in zip(KINDS, ("#aa3377", "#4477aa"), strict=True):
        of_kind = {int(name.split()[0]): each["all"] for name, each in filters.items() if name.endswith(kind)}
        people = list(of_kind)
        for shown, style in (("p50", "-"), ("p99", "--")):
            seen = [of_kind[count][shown] for count in people]
            axes.plot(people, seen, style, color=colour, marker="o", label=f"{kind}, {shown}")
    axes.axhline(10_000, color="#999999", linewidth=1)
    axes.annotate("10,000: the filter costs more than the search", (people[0], 12_000), fontsize="small")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("people in the tenant")
    axes.set_ylabel("labels in the filter")
    axes.legend()


def _percentiles(seen: Any) -> list[int]:
    return [int(value) for value in np.percentile(seen, (50, 95, 99, 100))]


if __name__ == "__main__":
    sys.exit(main())
