"""The generations of the index as the stream job opens them: store and embedder of each."""

import logging

from index.embedder import Embedder, ModelSpec
from index.generations import Generation
from index.milvus import MilvusStore
from index.milvus_generations import MilvusGenerations
from index.models.catalogue import AUTO
from index.models.load import load_embedder, load_recorded
from schemas.settings import Settings, read_secret
from streams.indexing import Indexer

log = logging.getLogger(__name__)


class Indexes:
    """One process's generations. An embedder is loaded once, however many generations use its model."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._embedders: dict[ModelSpec, Embedder] = {}
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
        return Indexer(self.store(generation.number), self._embedder(generation.model))

    def store(self, number: int) -> MilvusStore:
        return MilvusStore(*self._place, generation=number)

    def _embedder(self, spec: ModelSpec) -> Embedder:
        if spec not in self._embedders:
            self._embedders[spec] = load_recorded(spec, self._settings.home, self._settings.cores)
        return self._embedders[spec]
