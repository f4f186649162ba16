"""Chooses and opens the embedding model."""

from pathlib import Path

from index.embedder import Embedder, ModelSpec
from index.errors import BrokenVector, ModelDamaged, ModelUnavailable
from index.fast_embedder import FastEmbedder
from index.models.catalogue import AUTO, DEFAULT, MINILM, known_model
from index.models.files import WEIGHTS_SHA256, is_intact, prepared_folder, sha256
from index.models.hub import hub_files


def load_embedder(model: str, home: Path, cores: int) -> Embedder:
    """The embedder, loaded and tried on one text; about a second.

    "auto" is the model that `freshline models prepare` made under `home` if there is one, else the default
    from the hub. Any other name is honoured or refused, never replaced. Raises ModelUnavailable or
    ModelDamaged.
    """
    prepared = prepared_folder(home)
    name = (MINILM if prepared.exists() else DEFAULT) if model == AUTO else model
    known = known_model(name)
    if name == MINILM and prepared.exists():
        if not is_intact(prepared):
            raise ModelDamaged(f"the model in {prepared} is damaged or outdated: run `freshline models prepare`")
        return _open(known.spec(WEIGHTS_SHA256), prepared, cores)
    folder, weights = hub_files(name, home)
    return _open(known.spec(sha256(weights)), folder, cores)


def load_recorded(spec: ModelSpec, home: Path, cores: int) -> Embedder:
    """The embedder that an index was made with. Raises ModelUnavailable or ModelDamaged where this is not to be had."""
    embedder = load_embedder(spec.name, home, cores)
    if embedder.spec != spec:
        raise ModelUnavailable(
            f"the index was made by {spec}, but what this machine has of that name is {embedder.spec}: bring the "
            "model's files here that were used then, or make the index anew: freshline rebuild"
        )
    return embedder


def _open(spec: ModelSpec, folder: Path, cores: int) -> Embedder:
    try:
        embedder = FastEmbedder(spec, folder, cores)
        embedder.embed_question("Is anybody there?")
    except BrokenVector as error:
        raise ModelDamaged(f"{spec.name} in {folder}: {error}") from error
    except Exception as error:  # fastembed, tokenizers and ONNX Runtime raise bare exceptions of many kinds
        raise ModelDamaged(f"{spec.name} in {folder} cannot be opened: {error}") from error
    return embedder
