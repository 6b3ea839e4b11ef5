"""Dense and gated layers, their activations and norms in ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from ._place import Exporter, Place, on_array, on_rows

if TYPE_CHECKING:
    from ._graph import Graph

Activation: TypeAlias = Callable[[Place, str], str]

LAYERNORM_EPSILON = 1e-8


def affine(place: Place, X: str) -> str:
    """``X Wᵀ + b``; of Maxout and Conv1d with what is between the first and last axis of W in one of them."""
    W, b = place.param("W"), place.param("b")
    W = W.reshape(b.size, -1)
    return place.graph.op("Gemm", X, place.constant("W", W), place.constant("b", b.reshape(-1)), transB=1)


def dense(activate: Activation) -> Exporter:
    """A dense layer, by the activation behind the affine map."""
    return on_rows(lambda place, X: activate(place, affine(place, X)))


def unary(kind: str) -> Activation:
    return lambda place, A: place.graph.op(kind, A)


def identity(place: Place, A: str) -> str:
    return A


def softmax(place: Place, A: str) -> str:
    attrs = place.node.attrs
    temperature = attrs.get("softmax_temperature", 1.0)
    if not attrs.get("softmax_normalize", True):
        return A
    if temperature != 1.0:
        A = place.graph.op("Div", A, place.graph.number(temperature))
    return place.graph.op("Softmax", A, axis=-1)


def multi_softmax(place: Place, A: str) -> str:
    graph, parts, end = place.graph, [], 0
    for width in place.node.attrs["nOs"]:
        start, end = end, end + width
        part = graph.op("Slice", A, graph.integers(start), graph.integers(end), graph.integers(1))
        parts.append(graph.op("Softmax", part, axis=-1))
    return graph.op("Concat", *parts, axis=1)


def clip(graph: Graph, A: str, slope: float, offset: float, low: float, high: float) -> str:
    """``min(max(A · slope + offset, low), high)``"""
    line = graph.op("Add", graph.op("Mul", A, graph.number(slope)), graph.number(offset))
    return graph.op("Clip", line, graph.number(low), graph.number(high))


def clipped_linear(place: Place, A: str) -> str:
    attrs = place.node.attrs
    return clip(place.graph, A, *(float(attrs[name]) for name in ("slope", "offset", "min_val", "max_val")))


def hard_swish(place: Place, A: str) -> str:
    return place.graph.op("Mul", A, clip(place.graph, A, 0.2, 0.5, 0.0, 1.0))


def hard_swish_mobilenet(place: Place, A: str) -> str:
    return place.graph.op("Mul", A, clip(place.graph, A, 1 / 6, 0.5, 0.0, 1.0))


def swish(place: Place, A: str) -> str:
    return place.graph.op("Mul", A, place.graph.op("Sigmoid", A))


def mish(place: Place, A: str) -> str:
    return place.graph.op("Mul", A, place.graph.op("Tanh", place.graph.op("Softplus", A)))


def gelu(place: Place, A: str) -> str:
    """``A · (1 + erf(A / √2)) / 2``"""
    graph = place.graph
    erf = graph.op("Erf", graph.op("Mul", A, graph.number(0.5**0.5)))
    half = graph.op("Mul", A, graph.number(0.5))
    return graph.op("Mul", half, graph.op("Add", erf, graph.number(1.0)))


def dish(place: Place, A: str) -> str:
    """``A · (A / √(1 + A²) + 1) / 2``"""
    graph = place.graph
    root = graph.op("Sqrt", graph.op("Add", graph.op("Mul", A, A), graph.number(1.0)))
    half = graph.op("Mul", A, graph.number(0.5))
    return graph.op("Mul", half, graph.op("Add", graph.op("Div", A, root), graph.number(1.0)))


def maxout(place: Place, X: str) -> str:
    graph, nO, nP = place.graph, place.node.get_dim("nO"), place.node.get_dim("nP")
    # Without rows, -1 would be any number.
    shape = graph.op("Concat", graph.op("Shape", X, end=1), graph.integers(nO, nP), axis=0)
    A = graph.op("Reshape", affine(place, X), shape, allowzero=1)
    return graph.op("ReduceMax", A, graph.integers(2), keepdims=0)


def layernorm(place: Place, X: str) -> str:
    G, b = place.constant("G"), place.constant("b")
    return place.graph.op("LayerNormalization", X, G, b, axis=-1, epsilon=LAYERNORM_EPSILON)


def rmsnorm(place: Place, X: str) -> str:
    """``X / √(mean(X²) + eps) · G``"""
    graph = place.graph
    squares = graph.op("ReduceMean", graph.op("Mul", X, X), graph.integers(1), keepdims=1)
    root = graph.op("Sqrt", graph.op("Add", squares, graph.number(float(place.node.attrs["eps"]))))
    return graph.op("Mul", graph.op("Div", X, root), place.constant("G"))


def gated(activate: Activation) -> Exporter:
    """Values times their gates: the halves of one affine map."""

    def export(place: Place, X: str) -> str:
        values, gates = place.graph.op_n(2, "Split", affine(place, X), axis=1, num_outputs=2)
        return place.graph.op("Mul", values, activate(place, gates))

    return on_rows(export)


# By the module in `thinc.layers` that the forward function of a layer is from.
EXPORTERS: dict[str, Exporter] = {
    "clipped_linear": dense(clipped_linear),
    "dish": dense(dish),
    "gelu": dense(gelu),
    "glu": gated(unary("Sigmoid")),
    "hard_swish": dense(hard_swish),
    "hard_swish_mobilenet": dense(hard_swish_mobilenet),
    "layernorm": on_rows(layernorm),
    "linear": dense(identity),
    "logistic": on_array(unary("Sigmoid")),
    "maxout": on_rows(maxout),
    "mish": dense(mish),
    "multisoftmax": dense(multi_softmax),
    "relu": dense(unary("Relu")),
    "rmsnorm": on_rows(rmsnorm),
    "sigmoid": dense(unary("Sigmoid")),
    "sigmoid_activation": on_array(unary("Sigmoid")),
    "softmax": dense(softmax),
    "softmax_activation": on_array(softmax),
    "swiglu": gated(swish),
    "swish": dense(swish),
}
