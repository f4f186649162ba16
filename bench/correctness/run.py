"""Hard events: what the index of Freshline, and of each rival, shows afterwards. Looked up, never assumed."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import orjson

from bench.common.options import Options
from bench.common.page import Section, table
from bench.common.result import Bar, Result
from bench.common.stack import servers
from bench.correctness.contestants import Stage, Start, contestants
from bench.correctness.outcome import Outcome, judge
from bench.events import SOURCES
from bench.events.hard import HardCase, hard_cases, last_rows
from bench.ingest.systems import FRESHLINE
from schemas.errors import Unavailable

START_S, APPLY_S = 120.0, 30.0
SETTLE_S = 2.0
AT_ONCE = 4
"""Rivals at a time: most of the time they start, or wait."""
NOTE = """\
The connector is one without Debezium's reselect post-processor, which asks the database for large values that were not
sent: Freshline's connectors have it, and need not rely on it. It sends truncates, which Debezium skips by default
(`skipped.operations`): then nobody would see them, and the rows would still be shown. With REPLICA IDENTITY FULL, which
costs the database more, no large value is left out, whoever reads. Who does not survive an update without the row
before it has a second line, as of such a table."""
Outcomes = dict[str, Outcome]


def run(options: Options) -> Result:
    """Every case on every system; those that a system does not survive together, each alone."""
    found: dict[str, Outcomes] = {}
    with servers(options, SOURCES, "kafka", "milvus") as settings:
        known = contestants(options, settings)

        def of(name: str) -> Outcomes:
            number = list(known).index(name)
            each = outcomes(options.say, known[name].start, hard_cases(known[name].full), f"hard-{number}")
            options.say(f"{name}: " + ", ".join(f"{case}: {one.verdict}" for case, one in each.items()))
            return each

        found[FRESHLINE] = of(FRESHLINE)  # alone: its settings are in this process's environment
        rivals = [name for name in known if name != FRESHLINE][::-1]  # second tries first: they take longest
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found |= zip(rivals, pool.map(of, rivals), strict=True)
    found = {name: found[name] for name in known}
    right = {name: _share_right(each) for name, each in found.items()}
    return Result(
        what="hard events: what each system's index shows afterwards",
        input={case.name: case.what for case in hard_cases()},
        ratios={f"{name}: share right": share for name, share in right.items()},
        measured={
            name: {case: {"verdict": one.verdict, "what": one.what} for case, one in each.items()}
            for name, each in found.items()
        },
        bars={f"{FRESHLINE}: share right": Bar.at_least(1.0)},
    )


def section(result: Result) -> Section:
    """Systems down, cases across; what each case is stands below."""
    cases = list(result.input)
    rows = [
        [name, *(str(Outcome(**each[case])) if case in each else "" for case in cases)]
        for name, each in result.measured.items()
    ]
    told = "\n".join(f"- {name}: {what}" for name, what in result.input.items())
    return Section(f"{table(['', *cases], rows)}\n\n{told}\n\n{NOTE}")


def outcomes(
    say: Callable[[str], None], start: Start, cases: Sequence[HardCase], run: str, settle: float = SETTLE_S
) -> Outcomes:
    """What became of each case on one system.

    `run`: what its runs are named after; `settle`: seconds between the last row's arrival and the last look.
    """
    runs = count(1)

    def attempt(part: Sequence[HardCase]) -> Outcomes:
        try:
            with start(f"{run}-{next(runs)}") as stage:
                return attempted(stage, part, settle)
        except Unavailable as error:
            say(str(error))
            return {case.name: Outcome("not run", str(error).splitlines()[0]) for case in part}

    found: Outcomes = {}
    for part in ([case for case in cases if not case.alone], *([case] for case in cases if case.alone)):
        together = attempt(part)
        if len(part) > 1 and any(one.verdict in ("crashed", "stuck") for one in together.values()):
            together = {name: one for case in part for name, one in attempt([case]).items()}
        found |= together
    return found


def attempted(stage: Stage, cases: Sequence[HardCase], settle: float) -> Outcomes:
    """Write the events of these cases and look. What came first is in the index before the hard events come.

    Raises Unavailable where the system does not begin.
    """
    _begin(stage, START_S, stage.at_work, "does not begin to read")
    time.sleep(settle)  # for who needs a topic that is empty until it has begun
    stage.write([event for case in cases for event in case.first])
    there = {str(orjson.loads(event.key or b"")["id"]) for case in cases for event in case.first}
    _begin(stage, APPLY_S, lambda: there <= stage.found().keys(), "does not index what comes first")
    end = last_rows()
    stage.write([*(event for case in cases for event in case.then), *(event for row in end.values() for event in row)])
    read = _until(lambda: end.keys() <= stage.found().keys() or stage.ended() is not None, APPLY_S)
    time.sleep(settle)
    if (error := stage.ended()) is not None:
        return {case.name: Outcome("crashed", error) for case in cases}
    if not read:
        return {case.name: Outcome("stuck", "nothing that comes later is read") for case in cases}
    found = stage.found()
    return {case.name: judge(case, found) for case in cases}


def _begin(stage: Stage, seconds: float, met: Callable[[], bool], otherwise: str) -> None:
    in_time = _until(lambda: met() or stage.ended() is not None, seconds)
    if (error := stage.ended()) is not None:
        raise Unavailable("the system", f"it ended at once: {error}")
    if not in_time:
        raise Unavailable("the system", f"it {otherwise} within {seconds:g} s")


def _share_right(found: Outcomes) -> float:
    return sum(one.verdict == "right" for one in found.values()) / len(found)


def _until(met: Callable[[], bool], seconds: float) -> bool:
    """Whether it was met within so many seconds."""
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
