"""The live generation of the index, as it is when a question comes.

Each question asks which generation is live, and then stays with it: its vector and the rows it is compared with are of
one model, and a generation that stops being live meanwhile still answers.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from index.embedder import Embedder, ModelSpec
from index.generations import Generation
from index.milvus import MilvusStore
from index.milvus_generations import MilvusGenerations
from index.milvus_history import MilvusHistory
from index.milvus_schema import Names
from index.models.load import load_recorded
from query.search import Live
from schemas.errors import FreshlineError, IndexUnavailable, Misconfigured
from schemas.settings import Settings, read_secret

AHEAD_S = 1.0
"""Seconds between looks whether a generation is being made whose model is not loaded yet."""

ASKING = 8
"""Questions that ask at once which generation is live."""

log = logging.getLogger("freshline.query")


@dataclass(frozen=True, slots=True)
class Index:
    """Where the generations are. `load` gives a model's embedder, or raises Misconfigured."""

    generations: MilvusGenerations
    store: Callable[[int], MilvusStore]
    history: Callable[[int], MilvusHistory]
    load: Callable[[ModelSpec], Embedder]


def index_of(settings: Settings) -> Index:
    place = (settings.milvus_uri, read_secret(settings.milvus_token_file), settings.collection)
    return Index(
        MilvusGenerations(*place),
        lambda number: MilvusStore(*place, generation=number),
        lambda number: MilvusHistory(*place[:2], Names(settings.collection, number)),
        partial(_load, settings.home, settings.cores),
    )


class LiveIndex:
    """Thread-safe. A model is loaded once; `look_ahead` loads that of the next generation before it is live."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._asking = ThreadPoolExecutor(ASKING, thread_name_prefix="live")
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._opened: dict[int, Live] = {}
        self._embedders: dict[ModelSpec, Embedder] = {}

    def now(self) -> Live:
        """Store and embedder of the live generation. Raises IndexUnavailable where it cannot be used."""
        try:
            return self.open()
        except Misconfigured as error:
            log.error("%s", error)
            raise IndexUnavailable("the index is not usable here; the server's log says why") from error

    def ahead(self) -> tuple[Live | None, Callable[[], Live]]:
        """The generation that was live when that was last asked, and how to get `now`, which is being asked meanwhile.

        So a question can be embedded in the time that takes: it is another model's only right after a rebuild.
        """
        with self._lock:
            last = next(iter(self._opened.values()), None)
        return last, self._asking.submit(self.now).result

    def open(self) -> Live:
        """As `now`, but raises Misconfigured where the model is not to be had, saying what to do."""
        number = self._index.generations.live_number()
        if number is None:
            raise IndexUnavailable("there is no index yet: a worker of the stream job makes it")
        with self._lock:
            known = self._opened.get(number)
        if known is None:
            generation = self._index.generations.get(number)
            if generation is None:
                raise IndexUnavailable()
            known = Live(self.embedder(generation), self._index.store(number), self._index.history(number))
            with self._lock:
                self._opened = {number: known}
        return known

    def embedder(self, generation: Generation) -> Embedder:
        with self._loading:
            if generation.model not in self._embedders:
                self._embedders[generation.model] = self._index.load(generation.model)
            return self._embedders[generation.model]

    def look_ahead(self, stopping: threading.Event) -> None:
        """Until told to stop, load the models of generations that are being made, and forget those of none."""
        unusable: set[ModelSpec] = set()
        while not stopping.wait(AHEAD_S):
            try:
                generations = self._index.generations.all()
            except FreshlineError:
                continue
            for generation in generations:
                try:
                    if generation.model not in unusable:
                        self.embedder(generation)
                except Misconfigured as error:
                    unusable.add(generation.model)
                    log.error("generation %d could not be searched here: %s", generation.number, error)
            self._forget({generation.model for generation in generations})

    def _forget(self, models: set[ModelSpec]) -> None:
        with self._loading:
            self._embedders = {spec: embedder for spec, embedder in self._embedders.items() if spec in models}


def _load(home: Path, cores: int, spec: ModelSpec) -> Embedder:
    return load_recorded(spec, home, cores)
