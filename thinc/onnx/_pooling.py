"""Pooling by length, and attention to learned vectors, in ONNX."""

from ._layout import layout_of
from ._place import Exporter, Place, on_sequences
from ._values import Array, Sequences, Value


def pooled(X: Sequences, name: str) -> Array:
    return Array(name, 2, X.rows.dtype)


def reduce_sum(place: Place, X: Sequences) -> Array:
    graph = place.graph
    padded = layout_of(graph, X.lengths).pad(X.rows)
    return pooled(X, graph.op("ReduceSum", padded, graph.integers(1), keepdims=0))


def reduce_mean(place: Place, X: Sequences) -> Array:
    graph, layout = place.graph, layout_of(place.graph, X.lengths)
    counts = graph.cast(graph.op("Max", X.lengths, graph.integers(1)), graph.dtype)
    return pooled(X, graph.op("Div", reduce_sum(place, X).name, layout.column(counts)))


def reduce_max(place: Place, X: Sequences) -> Array:
    graph, layout = place.graph, layout_of(place.graph, X.lengths)
    largest = graph.op("ReduceMax", layout.pad(X.rows, float("-inf")), graph.integers(1), keepdims=0)
    return pooled(X, graph.op("Max", largest, reduce_first(place, X).name))  # which refuses empty sequences


def reduce_first(place: Place, X: Sequences) -> Array:
    layout = layout_of(place.graph, X.lengths)
    return pooled(X, layout.row_of_each(X.rows.name, layout.starts))


def reduce_last(place: Place, X: Sequences) -> Array:
    layout = layout_of(place.graph, X.lengths)
    lasts = place.graph.op("Sub", layout.ends, place.graph.number(1, "int64"))
    return pooled(X, layout.row_of_each(X.rows.name, lasts))


def parametric_attention(place: Place, X: Sequences) -> Value:
    """``X · softmax(K @ Q)``, K being made of X by a layer, if there is one."""
    graph, layout = place.graph, layout_of(place.graph, X.lengths)
    K = place.rows(place.child(0, X.rows)) if place.node.layers else X.rows
    Q = place.constant("Q", place.param("Q").reshape(-1, 1))
    scores = Array(graph.op("MatMul", K.name, Q), 2, K.dtype)  # (N, 1)
    weights = layout.unpad(graph.op("Softmax", layout.pad(scores, float("-inf")), axis=1))
    return X.with_rows(graph.op("Mul", X.rows.name, weights))


# By the module in `thinc.layers` that the forward function of a layer is from.
EXPORTERS: dict[str, Exporter] = {
    "parametricattention": on_sequences(parametric_attention, "Ragged"),
    "parametricattention_v2": on_sequences(parametric_attention, "Ragged"),
    "reduce_first": on_sequences(reduce_first, "Ragged"),
    "reduce_last": on_sequences(reduce_last, "Ragged"),
    "reduce_max": on_sequences(reduce_max, "Ragged"),
    "reduce_mean": on_sequences(reduce_mean, "Ragged"),
    "reduce_sum": on_sequences(reduce_sum, "Ragged"),
}
