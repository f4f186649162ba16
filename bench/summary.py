"""The top of docs/performance.md, from the results: all systems in one table, speed beside correctness; every bar."""

from collections.abc import Callable, Mapping

from bench.common.page import Section, table
from bench.common.registry import BENCHES
from bench.common.result import Result
from bench.common.rivals import RIVALS
from bench.correctness.contestants import FULL
from bench.freshness.run import RIVALS_AT
from bench.ingest.new import LIMIT, LOOP
from bench.ingest.systems import FRESHLINE

NAME = "summary"
"""Of its place on the page."""
UNKNOWN = "–"
"""In a cell: not measured, or not to be measured."""
FAILED = "did not run"
NOTE = f"""\
Each figure is from the bench of its column, all systems in one run of it; the sections below say how. The last two
lines are what embedding alone takes: the limit, and what a plain loop gets. Pathway reads no update without the row
before it, so in the real mix it gets events as of a table with REPLICA IDENTITY FULL. {UNKNOWN}: not measured."""

Results = Mapping[str, Result]
"""What is known, by the name of the bench."""
Cell = Callable[[Result, str], str]
"""What a result tells of a system."""


def summary() -> Section:
    """From all results that are kept."""
    kept = {name: Result.read(name) for name in BENCHES}
    return section({name: result for name, result in kept.items() if result is not None})


def section(results: Results) -> Section:
    """Pure. A bench without a result is named as such; its cells are empty."""
    columns: Mapping[str, tuple[str, Cell]] = {
        "new texts, chunks/s": ("ingest-new", _rate("chunks_per_second", digits=1)),
        "real mix, changes/s": ("ingest-mix", _rate("changes_per_second", digits=0)),
        f"commit → found at {RIVALS_AT}/s, p50 / p99, ms": ("freshness", _freshness),
        "hard events right": ("correctness", _right),
    }
    rows = [
        [system, *(cell(results[bench], system) if bench in results else UNKNOWN for bench, cell in columns.values())]
        for system in (FRESHLINE, *RIVALS.values(), LIMIT, LOOP)
    ]
    bars = [(name, *line) for name, result in results.items() for line in result.bars_table()]
    shown = [
        NOTE,
        table(["", *columns], rows),
        _verdict(results),
        table(["bench", "ratio", "is", "must be", "reached"], bars),
    ]
    return Section("\n\n".join(shown))


def _verdict(results: Results) -> str:
    """What is not reached, and what is not measured in its present form."""
    missed = [f"{name}: {line}" for name, result in results.items() for line in result.missed]
    bars = sum(len(result.bars) for result in results.values())
    unknown = [name for name in BENCHES if name not in results or not results[name].bars]
    said = [f"**{bars - len(missed)} of {bars} bars that were measured are reached.**"]
    if missed:
        said += ["Not reached (why stands in the section of each):", "\n".join(f"- {one}" for one in missed)]
    if unknown:
        said.append(f"Not measured yet: {', '.join(unknown)}.")
    return "\n\n".join(said)


def _rate(figure: str, digits: int) -> Cell:
    def cell(result: Result, system: str) -> str:
        if system in result.measured["did_not_run"]:
            return FAILED
        found = result.measured[figure].get(system)
        return UNKNOWN if found is None else f"{found['median']:,.{digits}f}"

    return cell


def _freshness(result: Result, system: str) -> str:
    names = {title: folder for folder, title in RIVALS.items()}
    rates, others = result.measured["rates"], result.measured["rivals"]
    found = rates.get(str(RIVALS_AT)) if system == FRESHLINE else others.get(names.get(system, ""))
    if found is None:
        return UNKNOWN
    return f"{found['total']['p50']:.0f} / {found['total']['p99']:.0f}" if "total" in found else FAILED


def _right(result: Result, system: str) -> str:
    """Of a system that was tried twice, both."""
    tries = {name: result.measured[name] for name in (system, f"{system}{FULL}") if name in result.measured}
    counts = [
        f"{sum(case['verdict'] == 'right' for case in found.values())} of {len(found)}{name.removeprefix(system)}"
        for name, found in tries.items()
    ]
    return "; ".join(counts) or UNKNOWN
