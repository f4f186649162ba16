"""Writes a BERT encoder as an ONNX graph: token ids and mask in, one vector per token out. Needs onnx alone.

Two simplifications that change no result: token type 0, the only one a sentence has, is added to the
positions beforehand; the classification head is left out.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from index.models.files import BertShape
from index.models.safetensors import Tensors

OPSET = 20
IR_VERSION = 10
MASKED = np.float32(np.finfo(np.float32).min)


class _Graph:
    """Collects nodes and constants; every method returns the name of the value it made."""

    def __init__(self, tensors: Tensors, shape: BertShape) -> None:
        self.tensors = tensors
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.tensors[name])

    def numbers(self, *values: int) -> str:
        return self.constant("n_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def linear(self, x: str, name: str) -> str:
        """x · Wᵀ + b; the weights are stored transposed."""
        kernel = self.constant(f"{name}.kernel", self.tensors[f"{name}.weight"].T)
        return self.op("Add", self.op("MatMul", x, kernel), self.weight(f"{name}.bias"))

    def add_and_norm(self, x: str, y: str, name: str) -> str:
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        total = self.op("Add", x, y)
        return self.op("LayerNormalization", total, scale, shift, axis=-1, epsilon=self.shape.epsilon)


def bert_graph(tensors: Tensors, shape: BertShape) -> onnx.ModelProto:
    """The encoder as a checked model: inputs `input_ids`, `attention_mask` (int64, batch × length), output
    `last_hidden_state` (float32, batch × length × hidden). Raises KeyError naming a tensor that is missing.
    """
    graph = _Graph(tensors, shape)
    hidden = _embeddings(graph)
    mask = _mask(graph)
    for layer in range(shape.layers):
        name = f"encoder.layer.{layer}"
        attended = _attention(graph, hidden, mask, f"{name}.attention")
        hidden = graph.add_and_norm(attended, hidden, f"{name}.attention.output.LayerNorm")
        inner = graph.op("Gelu", graph.linear(hidden, f"{name}.intermediate.dense"))
        outer = graph.linear(inner, f"{name}.output.dense")
        hidden = graph.add_and_norm(outer, hidden, f"{name}.output.LayerNorm")
    graph.nodes[-1].output[0] = "last_hidden_state"
    return _model(graph)


def _embeddings(graph: _Graph) -> str:
    positions = (
        graph.tensors["embeddings.position_embeddings.weight"]
        + graph.tensors["embeddings.token_type_embeddings.weight"][0]
    )
    words = graph.op("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    length = graph.op("Shape", "input_ids", start=1, end=2)
    table, zero = graph.constant("positions", positions), graph.numbers(0)
    places = graph.op("Slice", table, zero, length, zero)
    return graph.add_and_norm(words, places, "embeddings.LayerNorm")


def _mask(graph: _Graph) -> str:
    """Added to attention scores, batch × 1 × 1 × length: 0 for a token, the lowest float for padding."""
    kept = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    padding = graph.op("Sub", graph.constant("one", np.ones(1, dtype=np.float32)), kept)
    lowest = graph.op("Mul", padding, graph.constant("masked", np.array([MASKED])))
    return graph.op("Unsqueeze", lowest, graph.numbers(1, 2))


def _attention(graph: _Graph, x: str, mask: str, name: str) -> str:
    width = graph.tensors[f"{name}.self.query.weight"].shape[0]
    heads = graph.shape.heads
    size = width // heads

    def by_head(part: str, order: list[int]) -> str:
        split = graph.op("Reshape", graph.linear(x, f"{name}.self.{part}"), graph.numbers(0, 0, heads, size))
        return graph.op("Transpose", split, perm=order)

    query = by_head("query", [0, 2, 1, 3])
    key = by_head("key", [0, 2, 3, 1])
    value = by_head("value", [0, 2, 1, 3])
    root = graph.constant("head_size_root", np.array([size**0.5], dtype=np.float32))
    scores = graph.op("Div", graph.op("MatMul", query, key), root)
    weights = graph.op("Softmax", graph.op("Add", scores, mask), axis=-1)
    joined = graph.op("Transpose", graph.op("MatMul", weights, value), perm=[0, 2, 1, 3])
    return graph.linear(graph.op("Reshape", joined, graph.numbers(0, 0, width)), f"{name}.output.dense")


def _model(graph: _Graph) -> onnx.ModelProto:
    width = graph.tensors["embeddings.word_embeddings.weight"].shape[1]
    ids, mask = (
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
        for name in ("input_ids", "attention_mask")
    )
    states = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "length", width])
    body = helper.make_graph(graph.nodes, "bert", [ids, mask], [states], list(graph.constants.values()))
    model = helper.make_model(
        body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="freshline"
    )
    onnx.checker.check_model(model)
    return model
