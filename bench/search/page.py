"""What docs/performance.md shows of the API beside its parts."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.common.page import Section, table
from bench.common.plots import Plot
from bench.common.result import Result

NOTE = """One client; milliseconds, p50 / p99 of {asked} questions a line: the p99 is the slowest one or nearly so. The
bar's ratio is the median of the last column; the worst is {worst:.3g}. Both ways embed the question by the real model;
with that left out of both, the median is {unembedded:.3g}. Both ask the same Milvus Lite, with our quicker search
(`infra/local/milvus_search.py`), not the stock one: it makes the parts faster, and so the bar harder to reach."""
BAR = "api / parts, 1 client"
WORST, UNEMBEDDED = f"{BAR}, worst", f"{BAR}, embedding left out"
STEPS = {
    "embed": "embed the question",
    "retrieve": "Milvus",
    "rank": "rank",
    "authorize": "authorize",
    "leave": "confirm and redact",
    "fit": "fit to the budget",
    "record": "decision log",
}


def section(result: Result) -> Section:
    alone, crowds = [], []
    for chunks, visible, clients, found in _cells(result.measured):
        api, parts = found["api_ms"], found["parts_ms"]
        cells = (f"{int(chunks):,}", visible)
        times = (f"{api['p50']:g} / {api['p99']:g}", f"{parts['p50']:g} / {parts['p99']:g}")
        if "api / parts" in found:
            alone.append((*cells, *times, found["api / parts"]))
        else:
            rates = (found["api_a_second"]["median"], found["parts_a_second"]["median"])
            crowds.append((*cells, clients, *times, *rates, found["throughput, api / parts"]))
    questions = sorted({found["api_ms"]["asked"] for *_, found in _alone(result.measured)})
    told = NOTE.format(
        asked=" or ".join(map(str, questions)), worst=result.ratios[WORST], unembedded=result.ratios[UNEMBEDDED]
    )
    markdown = "\n\n".join(
        [
            told,
            table(("chunks", "visible", "API", "sum of its parts", "API / parts"), alone),
            "Where the milliseconds of one client go, p50:",
            _steps(result.measured),
            "Several clients, each asking again as soon as it has an answer; milliseconds, and answers a second.",
            table(("chunks", "visible", "clients", "API", "parts", "API a second", "parts a second", "ratio"), crowds),
        ]
    )
    return Section(markdown, (Plot("search", "Where an answer's time goes, and what its parts take", _draw(result)),))


def _cells(measured: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, str, Any]]:
    """Chunks, share visible, clients, what was found."""
    for chunks, each in measured.items():
        for name, found in each.items():
            visible, clients = name.split(", ")
            yield chunks, visible, clients, found


def _alone(measured: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, str, Any]]:
    return (cell for cell in _cells(measured) if "api / parts" in cell[3])


def _steps(measured: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for chunks, visible, _, found in _alone(measured):
        steps, parts = found["api_steps_ms"], found["parts_steps_ms"]
        shown = [f"{steps.get(step, 0.0):.1f}" for step in STEPS]
        rows.append(
            (f"{int(chunks):,}", visible, *shown, f"{_http(found):.1f}", *(f"{ms:.1f}" for ms in parts.values()))
        )
    return table(("chunks", "visible", *STEPS.values(), "HTTP and token", "parts: embed", "parts: Milvus"), rows)


def _http(found: Mapping[str, Any]) -> float:
    """What is left of an answer's time: the client's own part of HTTP as well."""
    told = sum(found["api_steps_ms"].get(step, 0.0) for step in STEPS)
    return max(0.0, float(found["api_ms"]["p50"] - told))


def _draw(result: Result) -> Any:
    def draw(axes: Any) -> None:
        cells = list(_alone(result.measured))
        names = [f"{int(chunks) // 1000}k, {visible.split(' ')[0]} %" for chunks, visible, _, _ in cells]
        begun = [0.0] * len(cells)
        for step, words in STEPS.items():
            ms = [found["api_steps_ms"].get(step, 0.0) for *_, found in cells]
            axes.bar(names, ms, bottom=begun, label=words)
            begun = [before + each for before, each in zip(begun, ms, strict=True)]
        axes.bar(names, [_http(found) for *_, found in cells], bottom=begun, label="HTTP and token", color="#bbbbbb")
        parts = [found["parts_ms"]["p50"] for *_, found in cells]
        axes.plot(names, parts, "k_", markersize=20, label="sum of its parts")
        most = result.bars[BAR].most if BAR in result.bars else None
        if most is not None:
            axes.plot(
                names, [most * ms for ms in parts], "_", color="#aa3377", markersize=20, label=f"{most:g} × its parts"
            )
        axes.set_ylabel("milliseconds, p50")
        axes.tick_params(axis="x", rotation=60)
        axes.margins(y=0.45)  # room above the bars
        axes.legend(fontsize="small", ncols=3, loc="upper left")

    return draw
