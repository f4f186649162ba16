"""The models Freshline knows how to use: a name alone does not say what its model card asks for."""

from dataclasses import dataclass

from index.embedder import ModelSpec
from index.errors import ModelUnavailable

AUTO = "auto"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT = "BAAI/bge-small-en-v1.5"
BGE_QUERY = "Represent this sentence for searching relevant passages: "


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A fastembed model with what its card says; `max_tokens` includes special tokens."""

    name: str
    dimension: int
    max_tokens: int
    query_prefix: str = ""

    def spec(self, fingerprint: str) -> ModelSpec:
        return ModelSpec(
            name=self.name,
            dimension=self.dimension,
            max_tokens=self.max_tokens,
            query_prefix=self.query_prefix,
            fingerprint=fingerprint,
        )


_MODELS = (
    KnownModel(MINILM, 384, 256),
    KnownModel(DEFAULT, 384, 512, BGE_QUERY),
    KnownModel("BAAI/bge-base-en-v1.5", 768, 512, BGE_QUERY),
    KnownModel("BAAI/bge-large-en-v1.5", 1024, 512, BGE_QUERY),
)


def known_model(name: str) -> KnownModel:
    """Raises ModelUnavailable, listing the names that work, if the model is not known."""
    for model in _MODELS:
        if model.name == name:
            return model
    names = ", ".join((AUTO, *(model.name for model in _MODELS)))
    raise ModelUnavailable(f"the embedding model {name!r} is not known; use one of: {names}")
