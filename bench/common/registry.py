"""The benches by name."""

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Protocol, cast

from bench.common.options import Options
from bench.common.page import Section, table
from bench.common.result import Result


class Bench(Protocol):
    """What a bench's module offers."""

    def run(self, options: Options) -> Result:
        """Measure. Leaves no process behind."""
        ...

    def section(self, result: Result) -> Section:
        """What docs/performance.md shows of a result, read back from its file. Pure."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """`module` is imported only when it is run: each needs other packages."""

    module: str
    what: str

    def load(self) -> Bench:
        return cast(Bench, import_module(self.module))

    def section(self, result: Result) -> Section:
        """What had to be reached, and below it what the bench shows."""
        shown = self.load().section(result)
        bars = table(["ratio", "is", "must be", "reached"], result.bars_table())
        return replace(shown, markdown=f"{bars}\n\n{shown.markdown.strip()}") if result.bars else shown


BENCHES: dict[str, Entry] = {
    "ingest-new": Entry("bench.ingest.new", "all texts new: chunks a second from topic to searchable"),
    "ingest-mix": Entry(
        "bench.ingest.mixed", "a real mix of changes: embeddings computed, index writes, events a second"
    ),
    "freshness": Entry("bench.freshness.run", "commit to answerable at 1, 20 and 100 changes a second, hop by hop"),
    "search": Entry("bench.search.run", "the API against the sum of its parts"),
    "scale": Entry("bench.scale.run", "cost per event, memory, workers and recovery as work grows"),
    "correctness": Entry("bench.correctness.run", "hard events: what each rival's index then shows"),
    "ranking": Entry("bench.ranking.run", "answers beside brute force and Milvus's decay ranker; nDCG@10"),
    "authorize": Entry("bench.authorize", "what authorising adds to a search"),
}
