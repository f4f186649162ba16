"""All texts new: chunks a second from topic to searchable, beside the embedder alone and beside rivals."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count

import orjson

from bench.common.options import Options
from bench.common.page import Section, table
from bench.common.plots import Plot, bars
from bench.common.result import Bar, Result
from bench.common.rounds import interleaved, ratio, spread
from bench.common.stack import servers
from bench.events import SOURCES, Event, new_texts, producer_to
from bench.ingest.alone import BEST, DEFAULTS, WARM_UP, seconds_alone
from bench.ingest.lap import begin, lap
from bench.ingest.systems import BATCHED, FRESHLINE, Start, systems
from schemas.errors import Unavailable
from schemas.settings import Settings

LIMIT, LOOP = "embedder alone, at its best", "embedder alone, fastembed's defaults"
FEWER = f"{FRESHLINE}, with the rivals' texts"
ROUNDS, RIVAL_ROUNDS = 3, 1
TEXTS, RIVAL_TEXTS = 2_400, 250
"""Rivals, which are several times slower, have one round, with the first of the same texts, and are compared with
Freshline's lap of the same."""


def run(options: Options) -> Result:
    """In turns, every other round in the reverse order; rivals in the first rounds only."""
    texts, fewer = options.size(TEXTS, 100), options.size(RIVAL_TEXTS, 60)
    failed: dict[str, str] = {}
    with servers(options, SOURCES, "kafka", "milvus") as settings:
        laps = Laps(options, settings, failed)
        known = systems(options, settings)
        del known[BATCHED]  # there is nothing to fold
        freshline = partial(laps.rate, FRESHLINE, known.pop(FRESHLINE))
        ours: dict[str, Callable[[], float]] = {
            FRESHLINE: partial(freshline, texts),
            LIMIT: partial(laps.alone, BEST, texts),
            LOOP: partial(laps.alone, DEFAULTS, fewer),
        }
        rivals: dict[str, Callable[[], float]] = {
            FEWER: partial(freshline, fewer),
            **{name: partial(laps.rate, name, start, fewer) for name, start in known.items()},
        }
        rates: dict[str, list[float]] = interleaved(
            {**ours, **rivals}, RIVAL_ROUNDS, warm_up=partial(freshline, WARM_UP)
        )
        more = interleaved(ours, options.size(ROUNDS - RIVAL_ROUNDS, 0))
    rates = {name: [*found, *more.get(name, [])] for name, found in rates.items() if name not in failed}
    return summary(rates, failed, {"seed": options.seed, "texts": texts, "texts_for_rivals": fewer, "cores": 2})


class Laps:
    """Runs systems by name, each lap with topics and an index of its own; `failed` gets why one did not run."""

    def __init__(self, options: Options, settings: Settings, failed: dict[str, str]) -> None:
        self._options, self._failed = options, failed
        self._kafka = producer_to(settings.kafka)
        self._numbers = count(1)

    def rate(self, name: str, start: Start, texts: int) -> float:
        """Chunks a second; each text is one chunk. 0 where it failed."""
        if name in self._failed:
            return 0.0
        first, events = self._events(texts)
        try:
            with start(f"new-{next(self._numbers)}") as system:
                begin(self._kafka, system, first, _keys(first))
                seconds = lap(self._kafka, system, events, _keys(events), len(first) + texts)
        except Unavailable as error:
            self._failed[name] = str(error).splitlines()[0]
            self._options.say(f"{name}: {error}")
            return 0.0
        self._options.say(f"{name}: {texts / seconds:.1f} chunks/s")
        return texts / seconds

    def alone(self, how: str, texts: int) -> float:
        """Texts a second of the embedder alone."""
        rate = texts / seconds_alone(self._options, how, texts, self._options.seed)
        self._options.say(f"embedder alone, {how}: {rate:.1f} texts/s")
        return rate

    def _events(self, texts: int) -> tuple[list[Event], list[Event]]:
        """Those that warm up, of other texts, and those that are measured."""
        events = new_texts(texts + WARM_UP, self._options.seed)
        return events[texts:], events[:texts]


def summary(rates: Mapping[str, list[float]], failed: Mapping[str, str], given: dict[str, object]) -> Result:
    """Ratios round by round, to rivals of laps with the same texts."""
    rivals = {name: found for name, found in rates.items() if name not in (FRESHLINE, FEWER, LIMIT, LOOP)}
    beside = {LIMIT: rates[FRESHLINE], LOOP: rates[FRESHLINE], **dict.fromkeys(rivals, rates[FEWER])}
    ratios = {f"{FRESHLINE} / {name}": ratio(ours, rates[name]) for name, ours in beside.items()}
    marks = {f"{FRESHLINE} / {LIMIT}": Bar.at_least(0.90), f"{FRESHLINE} / {LOOP}": Bar.at_least(2.5)}
    return Result(
        what="all texts new: chunks a second from topic to searchable",
        input={**given, "rows": "70% with a short text, 30% with one nearly as long as the model reads"},
        ratios=ratios,
        measured={"chunks_per_second": {name: spread(found) for name, found in rates.items()}, "did_not_run": failed},
        bars={**marks, **{f"{FRESHLINE} / {name}": Bar.at_least(1.0) for name in rivals}},
    )


def section(result: Result) -> Section:
    rates = result.measured["chunks_per_second"]
    ordered = sorted(rates, key=lambda name: -rates[name]["median"])
    limit, correct = rates[LIMIT]["median"], Result.read("correctness")
    rows = []
    for name in ordered:
        middle, low, high = (rates[name][which] for which in ("median", "low", "high"))
        times = result.ratios.get(f"{FRESHLINE} / {name}")
        rows.append(
            [
                *(name, f"{middle:.1f}", f"{low:.1f} – {high:.1f}", f"{middle / limit:.0%}"),
                "" if times is None else f"{times:.2f} ×",
                share_right(correct, name),
            ]
        )
    shown = table(["", "chunks/s", "lowest – highest", "of the limit", "Freshline is", "hard events right"], rows)
    told = "".join(f"\n\n{name} did not run: {why}" for name, why in result.measured["did_not_run"].items())
    note = (
        f"Median and spread of {ROUNDS} rounds of {result.input['texts']:,} texts; rivals have one round, with the "
        f"first {result.input['texts_for_rivals']:,} of them, as have fastembed's defaults in theirs. *Freshline is* "
        "compares laps of one round; with rivals those of the same texts."
    )
    values = {name: rates[name]["median"] for name in ordered if name not in (LIMIT, FEWER)}
    plot = Plot(
        "ingest-new", "Chunks a second of each system", lambda axes: bars(axes, values, "chunks/s", ("limit", limit))
    )
    return Section(f"{shown}\n\n{note}{told}", (plot,))


def share_right(correct: Result | None, name: str) -> str:
    """How many of the hard events a system got right: a system is no faster for what it gets wrong."""
    share = correct.ratios.get(f"{name}: share right") if correct else None
    return "" if share is None else f"{share:.0%}"


def _keys(events: list[Event]) -> set[str]:
    return {str(orjson.loads(event.key)["id"]) for event in events if event.key is not None}
