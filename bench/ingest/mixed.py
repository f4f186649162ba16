"""A real mix of changes: embeddings computed, record versions written, changes a second; beside rivals."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

import orjson

from bench.common.options import Options
from bench.common.page import Section, table
from bench.common.plots import Plot, bars
from bench.common.result import Bar, Result
from bench.common.rounds import interleaved, ratio, spread
from bench.common.stack import servers
from bench.events import SOURCES, Change, Event, Mix, SourceLog, mix, producer_to
from bench.ingest.lap import begin, lap
from bench.ingest.new import share_right
from bench.ingest.systems import FRESHLINE, PARTITIONS, Start, systems
from index.chunk import chunk
from index.embedder import Embedder
from index.models.catalogue import AUTO
from index.models.load import load_embedder
from schemas.errors import Unavailable
from schemas.settings import Settings
from streams.partition import partition_of

ROUNDS, RIVAL_ROUNDS = 3, 1
ROWS, CHANGES, WARM_UP = 400, 400, 40
"""The same for all; rivals, which are several times slower, have one round. As many rows as changes: what comes at once
are seldom changes of one row, so there is little to be folded."""
MUST_BE = 5.0
"""Times the best rival that embeds every update."""
LAST_KEY = 1_000_000
"""From here on keys of rows that come last, one in each partition: once they are found, all before them is applied."""
EVERY = 1.5
"""A system that computes so many times more embeddings than there are chunks whose text changed embeds what comes,
whether its text changed or not; of what comes together, for one row, perhaps only the last."""


@dataclass(frozen=True, slots=True)
class Lap:
    """`embedded`: texts that the model saw for a change; `written`: record versions, where it is told."""

    changes_per_second: float
    embedded: float
    written: float


def run(options: Options) -> Result:
    rows, changes = options.size(ROWS, 40), options.size(CHANGES, 120)
    plain, whole = (mix(changes, options.seed, rows, full) for full in (False, True))
    failed: dict[str, str] = {}
    with servers(options, SOURCES, "kafka", "milvus") as settings:
        laps = Laps(options, settings, failed)
        warm = mix(WARM_UP, options.seed, WARM_UP)
        known = systems(options, settings)
        rivals = {
            name: partial(laps.run, name, start, plain, whole) for name, start in known.items() if name != FRESHLINE
        }
        ours = {FRESHLINE: partial(laps.run, FRESHLINE, known[FRESHLINE], plain, whole)}
        warming = partial(laps.run, FRESHLINE, known[FRESHLINE], warm, warm)
        found = interleaved({**ours, **rivals}, RIVAL_ROUNDS, warming)
        more = interleaved(ours, options.size(ROUNDS - RIVAL_ROUNDS, 0))
    done = {
        name: [one for one in (*each, *more.get(name, [])) if one is not None]
        for name, each in found.items()
        if name not in failed
    }
    changed = changed_chunks(plain.changes, load_embedder(AUTO, options.product, 1))
    sizes = {"seed": options.seed, "rows": rows, "changes": changes}
    return summary(done, failed, {**sizes, "chunks_whose_text_changed": changed})


class Laps:
    """Runs systems by name, each lap with topics and an index of its own; `failed` gets why one did not run."""

    def __init__(self, options: Options, settings: Settings, failed: dict[str, str]) -> None:
        self._options, self._failed = options, failed
        self._kafka = producer_to(settings.kafka)
        self._numbers = count(1)

    def run(self, name: str, start: Start, plain: Mix, whole: Mix) -> Lap | None:
        """None where it failed. `whole`: the same changes, with the whole row before each update."""
        if name in self._failed:
            return None
        last = last_rows()
        try:
            with start(f"mix-{next(self._numbers)}") as system:
                given = whole if system.whole_before else plain
                there, changes = {str(_key(event)) for event in given.rows}, len(given.changes)
                begin(self._kafka, system, given.rows, there)
                at_first = system.rows()
                keys = left(there, given.changes) | {str(_key(event)) for event in last}
                seconds = lap(self._kafka, system, [*given.events, *last], keys, 0)
            tally = system.tally
            if "embedded" not in tally:
                raise Unavailable(name, "it did not say how many texts it embedded")
        except Unavailable as error:
            self._failed[name] = str(error).splitlines()[0]
            self._options.say(f"{name}: {error}")
            return None
        written = max(0, tally.get("written", 0) - len(given.rows) - len(last))
        embedded = tally["embedded"] - at_first - len(last)
        self._options.say(f"{name}: {changes / seconds:.0f} changes/s, {embedded} embeddings")
        return Lap(changes / seconds, embedded / changes, written / changes)


def left(keys: set[str], changes: Sequence[Change]) -> set[str]:
    """The keys of the rows that are there after the changes."""
    there = {*keys}
    for change in changes:
        if change.after is None:
            there.discard(str(change.key))
        else:
            there.add(str(change.key))
    return there


def last_rows() -> list[Event]:
    """A row for each partition, as Kafka Connect would place it."""
    log, events, waiting = SourceLog(), [], set(range(PARTITIONS))
    for key in count(LAST_KEY):
        partition = partition_of(orjson.dumps({"id": key}).decode(), PARTITIONS)
        if partition in waiting:
            waiting.discard(partition)
            events += log.insert({**_LAST, "id": key})
        if not waiting:
            return events
    raise AssertionError("there is no end of keys")


_LAST = {
    "tenant_id": "acme",
    "owner_email": "person1@acme.example",
    "team_id": 1,
    "subject": "last",
    "body": "This row comes last.",
    "status": "open",
    "priority": "low",
    "updated_at": "2026-11-22T12:00:00.000000Z",
}


def changed_chunks(changes: Sequence[Change], embedder: Embedder) -> int:
    """How many chunks have another text after a change than any chunk of the same row had before it."""

    def cut(text: str | None) -> set[str]:
        return set() if text is None else {*chunk(text, embedder.count_tokens, embedder.spec.max_tokens)}

    return sum(len(cut(one.after) - cut(one.before)) for one in changes if one.after != one.before)


def summary(laps: dict[str, list[Lap]], failed: dict[str, str], sizes: dict[str, int]) -> Result:
    """Rates round by round; embeddings as they are the same in each round, but for what came together by chance."""
    rates = {name: [lap.changes_per_second for lap in each] for name, each in laps.items()}
    ours = rates[FRESHLINE]
    rivals = {name: ratio(ours[: len(each)], each) for name, each in rates.items() if name != FRESHLINE}
    changed = sizes["chunks_whose_text_changed"] / sizes["changes"]
    embedding = [name for name in rivals if laps[name][0].embedded >= EVERY * changed]
    most = max(lap.embedded for lap in laps[FRESHLINE])
    economy, best = "embeddings / chunks whose text changed", f"{FRESHLINE} / best rival that embeds every update"
    ratios = {economy: round(most / changed, 4)}
    marks = {economy: Bar.at_most(1.05)}
    if embedding:
        ratios[best], marks[best] = min(rivals[name] for name in embedding), Bar.at_least(MUST_BE)
    return Result(
        what="a mix of changes: 60% do not touch the text, 20% who may see it, 15% edit a paragraph, 5% new or deleted",
        input=sizes,
        ratios={**ratios, **{f"{FRESHLINE} / {name}": value for name, value in rivals.items()}},
        measured={
            "changes_per_second": {name: spread(each) for name, each in rates.items()},
            "embeddings_per_change": {name: spread([lap.embedded for lap in each]) for name, each in laps.items()},
            "record_versions_written_per_change": {FRESHLINE: spread([lap.written for lap in laps[FRESHLINE]])},
            "embed_every_update": embedding,
            "did_not_run": failed,
        },
        bars=marks,
    )


def section(result: Result) -> Section:
    rates, embeddings = result.measured["changes_per_second"], result.measured["embeddings_per_change"]
    ordered = sorted(rates, key=lambda name: -rates[name]["median"])
    correct = Result.read("correctness")
    rows = [
        [
            *(name, f"{rates[name]['median']:.0f}", f"{rates[name]['low']:.0f} – {rates[name]['high']:.0f}"),
            f"{embeddings[name]['median']:.2f}",
            "" if name == FRESHLINE else f"{result.ratios[f'{FRESHLINE} / {name}']:.2f} ×",
            share_right(correct, name),
        ]
        for name in ordered
    ]
    columns = ["", "changes/s", "lowest – highest", "embeddings a change", "Freshline is", "hard events right"]
    told = "".join(f"\n\n{name} did not run: {why}" for name, why in result.measured["did_not_run"].items())
    values = {name: rates[name]["median"] for name in ordered}
    best = max((values[name] for name in result.measured["embed_every_update"]), default=0.0)
    limit = (f"{MUST_BE:g} × the best rival that embeds every update", MUST_BE * best) if best else None
    plot = Plot("ingest-mix", "Changes a second of each system", lambda axes: bars(axes, values, "changes/s", limit))
    given = result.input
    note = (
        f"{given['changes']} changes of {given['rows']} rows, the same for all, all at once; "
        f"{given['chunks_whose_text_changed']} chunks have another text after them. Fewer embeddings than that: a "
        "later change of the same row, in the same batch, made some void.\n\n"
        "PyDebeziumAI makes one document of a row and embeds of a long text what the model reads, about half of it: "
        "it does less. Event by event is what its documentation shows; in batches it takes of the changes of a row "
        "the last."
    )
    return Section(f"{table(columns, rows)}\n\n{note}{told}", (plot,))


def _key(event: Event) -> int:
    return int(orjson.loads(event.key or b"")["id"])
