"""Fetches a model's files from the model hub that fastembed uses, into a folder of ours."""

from pathlib import Path
from typing import NamedTuple

from fastembed import TextEmbedding
from httpx import TransportError
from huggingface_hub import HfApi, snapshot_download

from index.errors import ModelUnavailable

FIRST_ANSWER = 5.0
"""Seconds a hub may take to say what it has; a missing network must not look like a hang."""


class _Source(NamedTuple):
    repository: str
    model_file: str
    more_files: list[str]


def hub_files(name: str, home: Path) -> tuple[Path, Path]:
    """The folder of a model's files, and its ONNX file in it; fetched on first use, later without network.

    Raises ModelUnavailable, saying what to do, if it is not here and the hub is switched off or out of reach.
    """
    source, cache = _source(name), home / "models" / "hub"
    try:
        return _snapshot(source, cache, local_only=True)
    except OSError:  # not fetched yet, or not to the end
        pass
    try:
        HfApi().model_info(source.repository, timeout=FIRST_ANSWER)
        return _snapshot(source, cache, local_only=False)
    except (OSError, TransportError) as error:  # the hub's own errors are OSErrors
        raise ModelUnavailable(
            f"the embedding model {name} is not on this machine and the model hub cannot be reached, "
            "or is switched off by HF_HUB_OFFLINE: run `freshline models prepare` for the offline model, "
            "or connect once to fetch it"
        ) from error


def _snapshot(source: _Source, cache: Path, local_only: bool) -> tuple[Path, Path]:
    folder = Path(
        snapshot_download(
            source.repository,
            cache_dir=cache,
            allow_patterns=["*.json", source.model_file, *source.more_files],
            local_files_only=local_only,
        )
    )
    if not (folder / source.model_file).is_file():
        raise FileNotFoundError(source.model_file)
    return folder, folder / source.model_file


def _source(name: str) -> _Source:
    for model in TextEmbedding.list_supported_models():
        if model["model"] == name:
            return _Source(model["sources"]["hf"], model["model_file"], model["additional_files"])
    raise ModelUnavailable(f"this version of fastembed has no model {name}")
