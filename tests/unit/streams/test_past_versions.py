"""Whatever is written, in whatever batches, however often and with whatever crashes: a question as of any time gets the
versions that were current then, under the permissions of now.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_stage import delete, relabel, truncate, upsert

from index.hash_embedder import HashEmbedder
from index.history import Superseded
from index.memory import MemoryStore
from index.memory_history import MemoryHistory
from index.store import Version
from query.history.then import IndexThen
from schemas.access import AccessFilter
from schemas.change import Change
from schemas.errors import IndexUnavailable
from schemas.label import LabelId
from streams.historian import Historian
from streams.indexing import Indexer

EMBEDDER = HashEmbedder(dimension=16, max_tokens=12)
LABELS = (LabelId(7), LabelId(8))
DAY_MS = 86_400_000
Shown = dict[str, tuple[int, str]]
"""Record -> (label, all its chunks)."""


@dataclass
class Life:
    """A record since it last came into being: its label now, and its versions (commit time, text)."""

    label: int
    versions: list[tuple[int, str]]


@dataclass
class Model:
    """What the source did, told plainly."""

    lives: dict[str, Life] = field(default_factory=dict)

    def apply(self, change: Change) -> None:
        life = self.lives.get(change.record_id)
        if change.op == "truncate":
            self.lives.clear()
        elif change.op == "relabel":
            if life is not None and change.label is not None:
                life.label = change.label
        elif change.op == "delete" or not change.text:
            self.lives.pop(change.record_id, None)
        else:
            assert change.label is not None
            kept = [] if life is None or change.fresh else life.versions
            self.lives[change.record_id] = Life(
                change.label, [*kept, (change.commit_ms, " ".join(change.text.split()))]
            )

    def shown(self, as_of_ms: int, label: int) -> Shown:
        found: Shown = {}
        for name, life in self.lives.items():
            then = [text for commit_ms, text in life.versions if commit_ms <= as_of_ms]
            if then and life.label == label:
                found[name] = (life.label, then[-1])
        return found


class Fuse:
    """Blows once, at the given step; None = never."""

    def __init__(self, steps: int | None) -> None:
        self.steps = steps

    def step(self) -> None:
        if self.steps is not None:
            self.steps -= 1
            if self.steps == 0:
                raise IndexUnavailable()


class Store(MemoryStore):
    fuse = Fuse(None)

    def write(self, versions: Sequence[Version]) -> None:
        for version in versions:
            self.fuse.step()
            super().write([version])
        self.fuse.step()


class History(MemoryHistory):
    fuse = Fuse(None)

    def keep(self, rows: Sequence[Superseded]) -> None:
        for row in rows:
            self.fuse.step()
            super().keep([row])

    def forget(self, record_ids: Sequence[str]) -> None:
        self.fuse.step()
        super().forget(record_ids)


class World:
    def __init__(self) -> None:
        self.store = Store()
        self.history = History(self.store)
        self.restart()

    def restart(self, steps: int | None = None) -> None:
        self.store.fuse = self.history.fuse = Fuse(steps)
        historian = Historian(self.history, {"helpdesk": DAY_MS}, lambda: 0)
        self.indexer = Indexer(self.store, EMBEDDER, lambda: 0.0, historian)

    def shown(self, as_of_ms: int, label: int, limit: int = 1000) -> Shown:
        then = IndexThen(self.store, self.history, as_of_ms)
        access = AccessFilter(frozenset({LabelId(label)}), frozenset({"helpdesk"}))
        hits = then.search(EMBEDDER.embed_question("one"), access, limit)
        assert [hit.similarity for hit in hits] == sorted((hit.similarity for hit in hits), reverse=True)
        found: dict[str, dict[int, str]] = {}
        for hit in hits:
            assert hit.row.label == label
            assert hit.row.chunk not in found.setdefault(hit.row.record_id, {})
            found[hit.row.record_id][hit.row.chunk] = hit.row.text
        return {name: (label, " ".join(text for _, text in sorted(parts.items()))) for name, parts in found.items()}


TEXTS = st.sampled_from(["one", "two", "one two three", "one three. " + "two " * 9, "two. " + "three " * 20, ""])
NAMES, LABELLED = st.sampled_from("ab"), st.sampled_from(LABELS)
UPSERTS = st.builds(lambda name, text, label: lambda at: upsert(name, at, text, label), NAMES, TEXTS, LABELLED)
STEPS = st.one_of(
    UPSERTS,
    UPSERTS,
    UPSERTS,
    st.builds(lambda name, label: lambda at: relabel(name, at, label), NAMES, LABELLED),
    st.builds(lambda name: lambda at: delete(name, at), NAMES),
    st.builds(lambda name, text, label: lambda at: upsert(name, at, text, label, fresh=True), NAMES, TEXTS, LABELLED),
    st.just(truncate),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """Changes in their order; some share a transaction, hence a commit time."""
    changes: list[Change] = []
    commit_ms = 100
    for position, step in enumerate(draw(st.lists(STEPS, min_size=2, max_size=14)), 1):
        commit_ms += 10 * draw(st.integers(0, 2))
        changes.append(step(position).model_copy(update={"commit_ms": commit_ms}))
    return changes


def compare(world: World, models: Sequence[Model], times: Sequence[int]) -> None:
    """As of each time each record is shown as one of the models tells, to whom that one tells."""
    for ms in times:
        for label in LABELS:
            told = [model.shown(ms, label) for model in models]
            shown = world.shown(ms, label)
            for name in {*shown, *(name for one in told for name in one)}:
                assert shown.get(name) in [one.get(name) for one in told], f"{name} as of {ms} for label {label}"


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(histories(), st.data())
def test_as_of_any_time_the_versions_of_then_are_shown_to_whom_they_are_permitted_now(
    changes: list[Change], data: st.DataObject
) -> None:
    world, applied, reached, model = World(), 0, 0, Model()
    times = sorted({change.commit_ms + d for change in changes for d in (-1, 0, 5)})
    fuel = 12
    while applied < len(changes):
        fuel -= 1
        begin = data.draw(st.integers(0, applied)) if fuel > 0 else applied
        end = data.draw(st.integers(applied, len(changes))) if fuel > 0 else len(changes)
        world.restart(data.draw(st.sampled_from([None, None, 1, 2, 3, 4, 5, 6])) if fuel > 0 else None)
        reached = max(reached, end)
        try:
            world.indexer.apply(changes[begin:end])
        except IndexUnavailable:
            pass
        else:
            for change in changes[applied:end]:
                model.apply(change)
            applied = end
        # A crash leaves changes half done: up to before them, where the watermark stays, each record is shown as it was
        # before them or after some. Later times are refused by then: see query.history.available.
        watermark = changes[applied].commit_ms - 1 if applied < reached else times[-1]
        compare(world, list(steps(model, changes[applied:reached])), [ms for ms in times if ms <= watermark])


def steps(model: Model, changes: Sequence[Change]) -> Iterator[Model]:
    """The model after none, one, two … of the changes."""
    model = deepcopy(model)
    yield deepcopy(model)
    for change in changes:
        model.apply(change)
        yield deepcopy(model)
