"""Fetches a model's files from the model hub that fastembed uses, into a folder of ours."""

from pathlib import Path

from fastembed import TextEmbedding
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError

from index.errors import ModelUnavailable

FIRST_ANSWER = 5.0
"""Seconds a hub may take to say what it has; a missing network must not look like a hang."""


def hub_files(name: str, home: Path) -> tuple[Path, Path]:
    """The folder of a model's files, and its ONNX file in it; fetched on first use, later without network.

    Raises ModelUnavailable, saying what to do, if it is not here and the hub is switched off or out of reach.
    """
    repository, model_file, more_files = _source(name)
    wanted = ["*.json", model_file, *more_files]
    cache = home / "models" / "hub"
    for local_only in (True, False):
        try:
            found = snapshot_download(
                repository,
                cache_dir=cache,
                allow_patterns=wanted,
                local_files_only=local_only,
                etag_timeout=FIRST_ANSWER,
            )
        except (OSError, HfHubHTTPError):
            continue
        if (Path(found) / model_file).is_file():
            return Path(found), Path(found) / model_file
    raise ModelUnavailable(
        f"the embedding model {name} is not on this machine and the model hub cannot be reached, "
        "or is switched off by HF_HUB_OFFLINE: run `freshline models prepare` for the offline model, "
        "or connect once to fetch it"
    )


def _source(name: str) -> tuple[str, str, list[str]]:
    for model in TextEmbedding.list_supported_models():
        if model["model"] == name:
            return model["sources"]["hf"], model["model_file"], model["additional_files"]
    raise ModelUnavailable(f"this version of fastembed has no model {name}")
