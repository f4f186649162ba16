"""The generations of the index as the stream job opens them: store, history and embedder of each."""

import logging
import time
from collections.abc import Iterable, Mapping

from index.embedder import Embedder, ModelSpec
from index.generations import Generation
from index.milvus import MilvusStore
from index.milvus_generations import MilvusGenerations
from index.milvus_history import MilvusHistory
from index.milvus_schema import Names
from index.models.catalogue import AUTO
from index.models.load import load_embedder, load_recorded
from schemas.contract import Contract
from schemas.settings import Settings, read_secret
from streams.historian import Historian
from streams.indexing import Indexer

log = logging.getLogger(__name__)


class Indexes:
    """One process's generations. An embedder is loaded once, however many generations use its model.

    `contracts` say of which sources it keeps the past.
    """

    def __init__(self, settings: Settings, contracts: Iterable[Contract] = ()) -> None:
        self._settings = settings
        self._retention_ms = retention_ms(contracts)
        self._embedders: dict[ModelSpec, Embedder] = {}
        self._histories: dict[int, MilvusHistory] = {}
        self._place = (settings.milvus_uri, read_secret(settings.milvus_token_file), settings.collection)
        self.generations = MilvusGenerations(*self._place)

    def first(self) -> Generation:
        """The live generation, made now if there is none. The settings' model decides only then."""
        live = self.generations.live() or self.generations.first(self.chosen().spec)
        if self._settings.model not in (AUTO, live.model.name):
            log.warning(
                "the live index is of %s, not of FRESHLINE_MODEL=%s; to change it, run: freshline rebuild",
                *(live.model.name, self._settings.model),
            )
        self.open(live)
        return live

    def chosen(self) -> Embedder:
        """The embedder that the settings ask for."""
        embedder = load_embedder(self._settings.model, self._settings.home, self._settings.cores)
        return self._embedders.setdefault(embedder.spec, embedder)

    def open(self, generation: Generation) -> Indexer:
        """Raises Misconfigured if the generation's model is not to be had here."""
        embedder, historian = self._embedder(generation.model), None
        if self._retention_ms:
            history = self.history(generation.number)
            history.prepare(generation.model)
            historian = Historian(history, self._retention_ms, now_ms)
        return Indexer(self.store(generation.number), embedder, historian=historian)

    def open_to_fill(self, generation: Generation) -> Indexer:
        """For a rebuild: what it reads was compacted, so no past can be kept, and none it may have had is whole."""
        self.history(generation.number).drop()
        return Indexer(self.store(generation.number), self._embedder(generation.model))

    def tend_history(self) -> None:
        """Begin, end and shorten the past of the live generation, as the contracts say: to be called now and then."""
        live = self.generations.live()
        if live is None:
            return
        history = self.history(live.number)
        if self._retention_ms:
            history.prepare(live.model)
        Historian(history, self._retention_ms, now_ms).tend()

    def store(self, number: int) -> MilvusStore:
        return MilvusStore(*self._place, generation=number)

    def history(self, number: int) -> MilvusHistory:
        """The same each time, as each holds a connection for good."""
        if number not in self._histories:
            uri, token, index = self._place
            self._histories[number] = MilvusHistory(uri, token, Names(index, number))
        return self._histories[number]

    def _embedder(self, spec: ModelSpec) -> Embedder:
        if spec not in self._embedders:
            self._embedders[spec] = load_recorded(spec, self._settings.home, self._settings.cores)
        return self._embedders[spec]


def retention_ms(contracts: Iterable[Contract]) -> Mapping[str, int]:
    """Source -> for how many milliseconds its past is kept; those without are left out."""
    kept = {contract.source: contract.freshness.history for contract in contracts}
    return {source: round(seconds * 1000) for source, seconds in kept.items() if seconds is not None}


def now_ms() -> int:
    return time.time_ns() // 1_000_000
