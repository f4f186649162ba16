"""The loader reads a real, tiny cross-encoder: its score is the number of words that question and text have in all."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from ranking_stage import found
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from query.ranking.rerank import CrossEncoder, pool_of, rerank, reranker_of
from query.ranking.scored import Scored
from query.source.confirm import Leaving
from schemas.errors import Misconfigured
from schemas.settings import Settings

INPUTS = ("input_ids", "attention_mask")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tokenizer = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1, "[SEP]": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="$A", pair="$A [SEP]:1 $B:1", special_tokens=[("[SEP]", 2)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    settings = {"max_length": 64, "model_max_length": 64, "pad_token": "[PAD]"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"pad_token": "[PAD]"}))
    (tmp_path / "config.json").write_text(json.dumps({"pad_token_id": 0}))
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["attention_mask"], ["counted"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["counted", "axes"], ["scores"], keepdims=1),
        ],
        "words",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "length"]) for name in INPUTS],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 1])],
        [onnx.numpy_helper.from_array(np.array([1]), "axes")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 9
    onnx.save(made, str(tmp_path / "model.onnx"))
    return tmp_path


class Doubled:
    """Scores by what the test says of a text."""

    def __init__(self, scores: dict[str, float]) -> None:
        self._scores = scores

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        return [self._scores[text] for text in texts]


def leaving(name: str, freshness: float = 1.0) -> Leaving:
    return Leaving(Scored(found(name, 0.5), 0.5, freshness))


def test_a_folder_with_a_cross_encoder_gives_the_same_score_for_a_pair_whatever_its_company(model: Path) -> None:
    reranker = CrossEncoder(str(model), 1)
    assert reranker.scores("two words", ["one", "three more words"]) == [4.0, 6.0]
    assert reranker.scores("two words", ["three more words"]) == [6.0]
    assert CrossEncoder(str(model), 1).scores("a", []) == [], "the same folder may be loaded again"


def test_the_best_are_ordered_by_the_cross_encoder_times_freshness() -> None:
    best = [leaving("a"), leaving("b"), leaving("c", freshness=0.1), leaving("d")]
    read = rerank(Doubled({"a 0": 0.0, "b 0": 2.0, "c 0": 9.0, "d 0": 0.0}), "q", best, 3)
    assert [one.leaving.scored.found.row.record_id for one in read] == ["b", "a", "d"]
    assert [one.rerank_score for one in read] == pytest.approx([0.8808, 0.5, 0.5], abs=1e-4)


def test_no_number_is_the_worst_score_and_nothing_to_read_is_no_call() -> None:
    read = rerank(Doubled({"a 0": float("nan"), "b 0": -1e9}), "q", [leaving("a"), leaving("b")], 5)
    assert [one.rerank_score for one in read] == pytest.approx([0.0, 0.0])
    assert rerank(Doubled({}), "q", [], 5) == []


def test_three_times_the_limit_is_read_and_never_more_than_fifty() -> None:
    assert [pool_of(limit) for limit in (1, 10, 50)] == [3, 30, 50]


@pytest.mark.parametrize("name", ["", "no/such-model"])
def test_a_model_that_is_not_here_is_refused_at_start_and_never_fetched(name: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="FRESHLINE_RERANKER"):
        CrossEncoder(name or str(tmp_path), 1)


def test_without_the_setting_there_is_no_reranker(model: Path) -> None:
    assert reranker_of(Settings()) is None
    assert reranker_of(Settings(reranker=str(model))) is not None
