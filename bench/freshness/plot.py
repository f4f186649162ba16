"""The plot of hops: for each rate of change a bar of the hops' means, one upon the other, with p50 and p99 marked, and
how far these may go."""

from collections.abc import Mapping
from typing import Any

from bench.common.plots import Plot
from bench.freshness.hops import HOPS

LONGEST_MS = 1000.0
"""The axis ends here: what waits longer is in the table."""
COLOURS = ("#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77", "#cc6677", "#882255", "#aa4499")


def stacked(by_rate: Mapping[str, Mapping[str, Any]], held_at: int, most: Mapping[str, float]) -> Plot:
    """`by_rate`: changes a second -> what `hops.summary` gave; `most`: milliseconds of p50 and p99 at one rate."""

    def draw(axes: Any) -> None:
        names = [f"{rate} a second" for rate in by_rate]
        left = [0.0] * len(names)
        for (hop, words), colour in zip(HOPS.items(), COLOURS, strict=True):
            means = [found["hops"][hop]["mean"] for found in by_rate.values()]
            axes.barh(names, means, left=left, height=0.5, label=words, color=colour)
            left = [start + mean for start, mean in zip(left, means, strict=True)]
        for mark, name in (("|", "p50"), ("d", "p99")):
            axes.plot(
                [found["total"][name] for found in by_rate.values()], names, mark, color="black", ms=9, label=name
            )
            axes.plot([most[name]], [f"{held_at} a second"], mark, color="#cc0000", ms=9, label=f"{name} at most")
        longest = max(found["total"]["p99"] for found in by_rate.values())
        axes.set_xlim(0, max(1.1 * most["p99"], min(longest * 1.1, LONGEST_MS)))
        axes.set_xlabel("milliseconds since the commit (bars: means of the hops)")
        axes.invert_yaxis()
        axes.legend(fontsize="small", ncols=2)
        axes.spines[["top", "right"]].set_visible(False)

    caption = "Mean milliseconds of each hop from commit to found, with p50 and p99 of the whole, by rate of change"
    return Plot("freshness", caption, draw)
