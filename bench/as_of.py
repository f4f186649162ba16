"""What keeping history costs: `python -m bench.as_of`. Nothing is passed or failed; the figures are in docs/as-of.md.

Two indexes on one Milvus Lite, the one with history and the other without, get the same batches of updates of text in
turns, so that whatever else the machine does meets both; then relabels and deletes. In between the same questions are
asked of what is current, and as of when half of the updates were in. Vectors are of a double of the model: a real one
takes the same time with and without history, and as much more as there are versions that pass within a batch.
"""

import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from bench.measures import spread
from bench.milvus import server
from index.hash_embedder import HashEmbedder
from index.milvus import MilvusStore
from index.milvus_generations import MilvusGenerations
from index.milvus_history import MilvusHistory
from index.milvus_schema import Names
from index.store import ChunkReader
from query.history.then import IndexThen
from schemas.access import AccessFilter
from schemas.change import Change, Origin
from schemas.label import LabelId
from schemas.position import Position
from streams.historian import Historian
from streams.indexing import Indexer

SEED = 5
RECORDS, ROUNDS, BATCH, QUESTIONS, LIMIT = 2_000, 3, 100, 60, 64
DIMENSION, LABELS = 384, 10
KEPT_MS = 10**12
RESULT = Path(__file__).parent / "results" / "as_of.json"
WORDS = [f"word{n}" for n in range(500)]


@dataclass(frozen=True, slots=True)
class Place:
    """An index and who writes it; `took` has the milliseconds of each batch."""

    store: MilvusStore
    history: MilvusHistory
    indexer: Indexer
    took: list[float]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (uri, token):
        embedder = HashEmbedder(dimension=DIMENSION)
        plain, keeping = (_place(uri, token, embedder, kept) for kept in (False, True))
        rng = random.Random(SEED)
        positions = iter(range(1, 10**9))
        for batch in _round(rng, positions):  # the first version of each record: nothing is superseded
            plain.indexer.apply(batch)
            keeping.indexer.apply(batch)
        half = 0
        figures: dict[str, object] = {"records": RECORDS, "updates": RECORDS * ROUNDS, "batch": BATCH}
        for turn in range(ROUNDS):
            for batch in _round(rng, positions):
                _in_turns(plain, keeping, batch, first=turn % 2)
            half = next(positions) if turn == ROUNDS // 2 else half
        figures["update_ms"] = _compared(plain, keeping)
        for batch in _round(rng, positions, relabel=True):
            _in_turns(plain, keeping, batch, first=0)
        figures["relabel_ms"] = _compared(plain, keeping)
        figures["search_ms"] = _searches(rng, embedder, keeping, half)
        for batch in _round(rng, positions, delete=True):
            _in_turns(plain, keeping, batch, first=0)
        figures["delete_ms"] = _compared(plain, keeping)
    text = json.dumps(figures, indent=2)
    RESULT.write_text(text + "\n")
    sys.stdout.write(text + "\n")


def _place(uri: str, token: str, embedder: HashEmbedder, kept: bool) -> Place:
    index = "with" if kept else "without"
    MilvusGenerations(uri, token, index).first(embedder.spec)
    store, history = MilvusStore(uri, token, index, timeout=60.0), MilvusHistory(uri, token, Names(index, 1), 60.0)
    historian = Historian(history, {"wiki": KEPT_MS}, lambda: 0) if kept else None
    if kept:
        history.prepare(embedder.spec)
    return Place(store, history, Indexer(store, embedder, historian=historian), [])


def _round(
    rng: random.Random, positions: Iterator[int], relabel: bool = False, delete: bool = False
) -> Iterator[list[Change]]:
    """One change of each record, in batches; the texts are new."""
    names = list(range(RECORDS))
    rng.shuffle(names)
    for start in range(0, RECORDS, BATCH):
        yield [_change(rng, name, next(positions), relabel, delete) for name in names[start : start + BATCH]]


def _change(rng: random.Random, name: int, position: int, relabel: bool, delete: bool) -> Change:
    return Change(
        op="relabel" if relabel else "delete" if delete else "upsert",
        record_id=f"wiki/s.pages/{name}",
        source="wiki",
        table="s.pages",
        key={"id": name},
        position=Position(f"{position:016x}.{position:016x}.00000001"),
        commit_ms=position,
        event_ms=position,
        origin=Origin(topic="wiki.s.pages", partition=0, offset=position),
        label=None if delete else LabelId(1 + (name + relabel) % LABELS),
        text="" if relabel or delete else " ".join(rng.choices(WORDS, k=40)),
    )


def _in_turns(plain: Place, keeping: Place, batch: list[Change], first: int) -> None:
    for place in (plain, keeping) if first == 0 else (keeping, plain):
        place.took.append(_ms(lambda place=place: place.indexer.apply(batch)))  # type: ignore[misc]


def _compared(plain: Place, keeping: Place) -> dict[str, object]:
    """Of a batch; what was measured is forgotten."""
    found = {"without": spread(plain.took), "with": spread(keeping.took)}
    plain.took.clear()
    keeping.took.clear()
    return {**found, "mean_ratio": round(found["with"]["mean"] / found["without"]["mean"], 2)}


def _searches(rng: random.Random, embedder: HashEmbedder, place: Place, half: int) -> dict[str, object]:
    access = AccessFilter(frozenset(map(LabelId, range(1, LABELS + 1))), frozenset({"wiki"}))
    readers: dict[str, ChunkReader] = {"now": place.store, "as_of": IndexThen(place.store, place.history, half)}
    took: dict[str, list[float]] = {name: [] for name in readers}
    for number in range(QUESTIONS):
        vector = embedder.embed_question(" ".join(rng.choices(WORDS, k=8)))
        for name, reader in readers.items():
            ms = _ms(lambda reader=reader, vector=vector: reader.search(vector, access, LIMIT))  # type: ignore[misc]
            if number >= QUESTIONS // 10:  # the first warm up
                took[name].append(ms)
    return {name: spread(each) for name, each in took.items()}


def _ms(do: Callable[[], object]) -> float:
    began = perf_counter()
    do()
    return (perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
