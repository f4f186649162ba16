"""Makes the offline model: weights from a package, converted once into the ONNX files fastembed reads."""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from index.errors import ModelUnavailable
from index.fast_embedder import FastEmbedder
from index.models.catalogue import MINILM, known_model
from index.models.files import (
    MODEL,
    TOKENIZER,
    WEIGHTS_SHA256,
    bert_shape,
    is_intact,
    prepared_folder,
    write_stamp,
)
from index.models.package import WEIGHTS, fetch_package
from index.models.safetensors import read_tensors
from index.models.verify import verify

UNFINISHED = ".preparing-"

Report = Callable[[str], None]


def prepare(home: Path, report: Report) -> Path:
    """The folder of the ready model, under `home`/models; made if it is not there, or not intact.

    Idempotent, safe to run twice at once, and atomic: the folder appears whole and verified, or not at all.
    `report` gets a line for each step. Raises ModelUnavailable if the package cannot be fetched, ModelDamaged
    if what came is not the model.
    """
    folder = prepared_folder(home)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.parent):
        if not is_intact(folder):
            _make(folder, report)
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


def _make(folder: Path, report: Report) -> None:
    for needed in ("pip", "onnx"):
        if find_spec(needed) is None:
            raise ModelUnavailable(f"preparing the model needs {needed}: install it, or freshline[local]")
    with TemporaryDirectory(dir=folder.parent, prefix=UNFINISHED) as name:
        packaged, made, old = (Path(name) / part for part in ("packaged", "made", "old"))
        packaged.mkdir()
        made.mkdir()
        report("fetching the weights of all-MiniLM-L6-v2 (84 MB)")
        fetch_package(packaged)
        _convert(packaged, made, report)
        if folder.exists():
            folder.rename(old)
        made.rename(folder)


def _convert(packaged: Path, made: Path, report: Report) -> None:
    import onnx  # only whoever converts has it installed

    from index.models.bert_graph import bert_graph

    report("converting to ONNX")
    tensors = read_tensors(packaged / WEIGHTS)
    onnx.save(bert_graph(tensors, bert_shape(packaged)), made / MODEL)
    _write_tokenizer(packaged, made)
    report("verifying against published and reference vectors")
    embedder = FastEmbedder(known_model(MINILM).spec(WEIGHTS_SHA256), made, cores=1)
    report(f"verified: lowest cosine to the reference {verify(embedder, tensors, made):.7f}")
    write_stamp(made)


def _write_tokenizer(packaged: Path, made: Path) -> None:
    """The package's files say 512 and 128 tokens; the model is published for 256."""
    limit = known_model(MINILM).max_tokens
    for name in ("special_tokens_map.json", "config.json"):
        shutil.copyfile(packaged / name, made / name)
    config: dict[str, Any] = json.loads((packaged / "tokenizer_config.json").read_text())
    (made / "tokenizer_config.json").write_text(json.dumps({**config, "model_max_length": limit}))
    tokenizer: dict[str, Any] = json.loads((packaged / TOKENIZER).read_text())
    tokenizer["truncation"]["max_length"] = limit
    tokenizer["padding"]["strategy"] = "BatchLongest"
    (made / TOKENIZER).write_text(json.dumps(tokenizer, ensure_ascii=False))
