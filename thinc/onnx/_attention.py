"""Attention with several heads, and what tells layers positions, in ONNX."""

import math

import numpy

from ..layers._positions import LONGEST
from ._layout import Layout, layout_of
from ._place import Exporter, Place, on_sequences
from ._values import Sequences, Value


def angles(place: Place, layout: Layout, width: int) -> str:
    """How far the waves of each wavelength are at each row (N, width / 2, rounded up), float64."""
    rates = LONGEST ** (-numpy.arange(0, width, 2) / width)
    position = layout.column(place.graph.cast(layout.position, "float64"))
    return place.graph.op("Mul", position, place.graph.constant(f"rates_{width}", rates))


def sinusoidal_positions(place: Place, X: Sequences) -> Value:
    graph, layout, nO = place.graph, layout_of(place.graph, X.lengths), place.node.get_dim("nO")
    angle = angles(place, layout, nO)
    waves = [
        graph.op("Unsqueeze", graph.cast(graph.op(kind, angle), graph.dtype), graph.integers(2))
        for kind in ("Sin", "Cos")
    ]
    both = graph.op("Concat", *waves, axis=2)  # side by side, in turns
    shape = graph.op("Concat", layout.count, graph.integers((nO + 1) // 2 * 2), axis=0)
    both = graph.op("Reshape", both, shape, allowzero=1)
    both = graph.op("Slice", both, graph.integers(0), graph.integers(nO), graph.integers(1))
    return X.with_rows(graph.op("Add", X.rows.name, both))


def attention(place: Place, X: Sequences) -> Value:
    """``softmax(Q Kᵀ / √width) V`` for each head, with all scores at once: (B, nH, longest, longest)."""
    graph, layout, attrs = place.graph, layout_of(place.graph, X.lengths), place.node.attrs
    nO, nH = place.node.get_dim("nO"), place.node.get_dim("nH")
    width = nO // nH
    QKV = place.rows(place.child(0, X.rows))  # (N, 3 nO)
    shape = graph.op("Concat", layout.count, graph.integers(3, nH, width), axis=0)
    parts = graph.op_n(3, "Split", graph.op("Reshape", QKV.name, shape, allowzero=1), axis=1, num_outputs=3)
    Q, K, V = (graph.op("Squeeze", part, graph.integers(1)) for part in parts)  # (N, nH, width)
    if attrs["rotary"]:
        angle = graph.op("Unsqueeze", angles(place, layout, width), graph.integers(1))
        cos, sin = (graph.cast(graph.op(kind, angle), graph.dtype) for kind in ("Cos", "Sin"))
        Q, K = (_turned(place, A, cos, sin) for A in (Q, K))
    row = layout.row
    # A row of zeros behind the others stands where sequences have none.
    Q, K, V = (
        graph.op("Gather", _with_zeros(place, A, nH, width), row, axis=0) for A in (Q, K, V)
    )  # (B, L, nH, width)
    Q = graph.op("Transpose", Q, perm=[0, 2, 1, 3])
    Kt = graph.op("Transpose", K, perm=[0, 2, 3, 1])
    V = graph.op("Transpose", V, perm=[0, 2, 1, 3])
    scores = graph.op("Mul", graph.op("MatMul", Q, Kt), graph.number(1 / math.sqrt(width)))
    seen = graph.op("Unsqueeze", layout.mask, graph.integers(1, 2))  # (B, 1, 1, L)
    if attrs["causal"]:
        before = graph.op("LessOrEqual", layout.steps, layout.column(layout.steps))  # (L, L)
        seen = graph.op("And", seen, before)
    scores = graph.op("Where", seen, scores, graph.number(float("-inf")))
    mixed = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), V)  # (B, nH, L, width)
    rows = layout.unpad(graph.op("Transpose", mixed, perm=[0, 2, 1, 3]))  # (N, nH, width)
    shape = graph.op("Concat", layout.count, graph.integers(nO), axis=0)
    A = X.with_rows(graph.op("Reshape", rows, shape, allowzero=1))
    return X.with_rows(place.rows(place.child(1, A.rows)).name)


def _turned(place: Place, A: str, cos: str, sin: str) -> str:  # (N, nH, width), (N, 1, width / 2)
    graph = place.graph
    a, b = graph.op_n(2, "Split", A, axis=2, num_outputs=2)
    return graph.op(
        "Concat",
        graph.op("Sub", graph.op("Mul", a, cos), graph.op("Mul", b, sin)),
        graph.op("Add", graph.op("Mul", b, cos), graph.op("Mul", a, sin)),
        axis=2,
    )


def _with_zeros(place: Place, A: str, nH: int, width: int) -> str:
    zeros = place.graph.full(place.graph.integers(1, nH, width), 0.0, place.graph.dtype)
    return place.graph.op("Concat", A, zeros, axis=0)


# By the module in `thinc.layers` that the forward function of a layer is from.
EXPORTERS: dict[str, Exporter] = {
    "multiheadattention": on_sequences(attention, "Ragged", "Padded"),
    "sinusoidalpositions": on_sequences(sinusoidal_positions, "Ragged", "Padded"),
}
