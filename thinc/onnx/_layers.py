"""What each layer is in ONNX: a function that adds its operations to a graph.

Each takes the graph, the layer, the name that its parameters begin with, the name of its input and a function that adds
a child; it returns the name of its output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from ._graph import Graph

Child = Callable[[int, str], str]
Exporter = Callable[["Graph", Any, str, str, Child], str]
Activation = Callable[["Graph", Any, str], str]

INT64_MAX = numpy.iinfo("int64").max
EPSILON = 1e-8  # of LayerNorm


def affine(graph: Graph, node: Any, prefix: str, X: str) -> str:
    """``X Wᵀ + b``; of Maxout with the pieces side by side."""
    W, b = (node.ops.to_numpy(node.get_param(name)) for name in ("W", "b"))
    W = graph.constant(f"{prefix}W", W.reshape(-1, W.shape[-1]))
    return graph.op("Gemm", X, W, graph.constant(f"{prefix}b", b.reshape(-1)), transB=1)


def dense(activate: Activation) -> Exporter:
    """A dense layer, by the activation behind the affine map."""

    def export(graph: Graph, node: Any, prefix: str, X: str, child: Child) -> str:
        return activate(graph, node, affine(graph, node, prefix, X))

    return export


def unary(kind: str) -> Activation:
    return lambda graph, node, A: graph.op(kind, A)


def alone(activate: Activation) -> Exporter:
    """An activation that is a layer of its own."""
    return lambda graph, node, prefix, X, child: activate(graph, node, X)


def softmax(graph: Graph, node: Any, A: str) -> str:
    temperature = node.attrs.get("softmax_temperature", 1.0)
    if not node.attrs.get("softmax_normalize", True):
        return A
    if temperature != 1.0:
        A = graph.op("Div", A, graph.number(temperature))
    return graph.op("Softmax", A, axis=-1)


def multi_softmax(graph: Graph, node: Any, A: str) -> str:
    parts, end = [], 0
    for width in node.attrs["nOs"]:
        start, end = end, end + width
        part = graph.op("Slice", A, graph.integers(start), graph.integers(end), graph.integers(1))
        parts.append(graph.op("Softmax", part, axis=-1))
    return graph.op("Concat", *parts, axis=1)


def clip(graph: Graph, A: str, slope: float, offset: float, low: float, high: float) -> str:
    """``min(max(A · slope + offset, low), high)``"""
    line = graph.op("Add", graph.op("Mul", A, graph.number(slope)), graph.number(offset))
    return graph.op("Clip", line, graph.number(low), graph.number(high))


def clipped_linear(graph: Graph, node: Any, A: str) -> str:
    return clip(graph, A, *(float(node.attrs[name]) for name in ("slope", "offset", "min_val", "max_val")))


def hard_swish(graph: Graph, node: Any, A: str) -> str:
    return graph.op("Mul", A, clip(graph, A, 0.2, 0.5, 0.0, 1.0))


def hard_swish_mobilenet(graph: Graph, node: Any, A: str) -> str:
    return graph.op("Mul", A, clip(graph, A, 1 / 6, 0.5, 0.0, 1.0))


def swish(graph: Graph, node: Any, A: str) -> str:
    return graph.op("Mul", A, graph.op("Sigmoid", A))


def mish(graph: Graph, node: Any, A: str) -> str:
    return graph.op("Mul", A, graph.op("Tanh", graph.op("Softplus", A)))


def gelu(graph: Graph, node: Any, A: str) -> str:
    """``A · (1 + erf(A / √2)) / 2``"""
    erf = graph.op("Erf", graph.op("Mul", A, graph.number(0.5**0.5)))
    half = graph.op("Mul", A, graph.number(0.5))
    return graph.op("Mul", half, graph.op("Add", erf, graph.number(1.0)))


def dish(graph: Graph, node: Any, A: str) -> str:
    """``A · (A / √(1 + A²) + 1) / 2``"""
    root = graph.op("Sqrt", graph.op("Add", graph.op("Mul", A, A), graph.number(1.0)))
    half = graph.op("Mul", A, graph.number(0.5))
    return graph.op("Mul", half, graph.op("Add", graph.op("Div", A, root), graph.number(1.0)))


def maxout(graph: Graph, node: Any, prefix: str, X: str, child: Child) -> str:
    pieces = graph.integers(-1, node.get_dim("nO"), node.get_dim("nP"))
    A = graph.op("Reshape", affine(graph, node, prefix, X), pieces)
    return graph.op("ReduceMax", A, axes=[2], keepdims=0)


def layernorm(graph: Graph, node: Any, prefix: str, X: str, child: Child) -> str:
    G, b = (graph.constant(prefix + name, node.ops.to_numpy(node.get_param(name))) for name in ("G", "b"))
    return graph.op("LayerNormalization", X, G, b, axis=-1, epsilon=EPSILON)


def expand_window(graph: Graph, node: Any, prefix: str, X: str, child: Child) -> str:
    """Rows of zeros around the batch, and then all of it, shifted by one row after the other."""
    window = node.attrs["window_size"]
    padded = graph.op("Pad", X, graph.integers(window, 0, window, 0))
    parts = []
    for start in range(2 * window + 1):
        end = start - 2 * window or int(INT64_MAX)
        parts.append(graph.op("Slice", padded, graph.integers(start), graph.integers(end), graph.integers(0)))
    return graph.op("Concat", *parts, axis=1)


def same(graph: Graph, node: Any, prefix: str, X: str, child: Child) -> str:
    return X


def inner(graph: Graph, node: Any, prefix: str, X: str, child: Child) -> str:
    return child(0, X)


def chain(graph: Graph, node: Any, prefix: str, X: str, child: Child) -> str:
    for number in range(len(node.layers)):
        X = child(number, X)
    return X


def concatenate(graph: Graph, node: Any, prefix: str, X: str, child: Child) -> str:
    parts = [child(number, X) for number in range(len(node.layers))]
    return graph.op("Concat", *parts, axis=1) if parts else X


def add(graph: Graph, node: Any, prefix: str, X: str, child: Child) -> str:
    total, *others = [child(number, X) for number in range(len(node.layers))] or [X]
    for other in others:
        total = graph.op("Add", total, other)
    return total


def residual(graph: Graph, node: Any, prefix: str, X: str, child: Child) -> str:
    return graph.op("Add", X, child(0, X))


# By the module in `thinc.layers` that the forward function of a layer is from.
EXPORTERS: dict[str, Exporter] = {
    "add": add,
    "chain": chain,
    "clipped_linear": dense(clipped_linear),
    "concatenate": concatenate,
    "dish": dense(dish),
    "dropout": same,
    "expand_window": expand_window,
    "gelu": dense(gelu),
    "hard_swish": dense(hard_swish),
    "hard_swish_mobilenet": dense(hard_swish_mobilenet),
    "layernorm": layernorm,
    "linear": dense(lambda graph, node, A: A),
    "logistic": alone(unary("Sigmoid")),
    "maxout": maxout,
    "mish": dense(mish),
    "multisoftmax": dense(multi_softmax),
    "noop": same,
    "relu": dense(unary("Relu")),
    "residual": residual,
    "sigmoid": dense(unary("Sigmoid")),
    "sigmoid_activation": alone(unary("Sigmoid")),
    "softmax": dense(softmax),
    "softmax_activation": alone(softmax),
    "swish": dense(swish),
    "with_array": inner,
    "with_array2d": inner,
}
