"""Layers that run others, and those that change the kind of a batch, in ONNX."""

from collections.abc import Callable
from dataclasses import replace

from ._layout import layout_of, with_row
from ._place import Exporter, Place
from ._values import Array, Sequences, Value


def same(place: Place, X: Value) -> Value:
    return X


def inner(place: Place, X: Value) -> Value:
    return place.child(0, X)


def chain(place: Place, X: Value) -> Value:
    for number in range(len(place.node.layers)):
        X = place.child(number, X)
    return X


def _all(place: Place, X: Value) -> list[Value]:
    return [place.child(number, X) for number in range(len(place.node.layers))]


def _join(place: Place, parts: list[Value], join: Callable[[list[str]], str]) -> Value:
    """Join arrays, or the rows of sequences."""
    first = parts[0]
    for other in parts:
        if isinstance(first, Sequences):
            other = place.sequences(other, first.kind).rows
        place.array(other, None, "floats")
    if isinstance(first, Sequences):
        return first.with_rows(join([part.rows.name for part in parts]))  # type: ignore[union-attr]
    return replace(first, name=join([part.name for part in parts]))  # type: ignore[union-attr, type-var]


def concatenate(place: Place, X: Value) -> Value:
    parts = _all(place, X)
    return _join(place, parts, lambda names: place.graph.op("Concat", *names, axis=-1)) if parts else X


def add(place: Place, X: Value) -> Value:
    parts = _all(place, X)
    return _join(place, parts, lambda names: place.graph.op("Sum", *names)) if parts else X


def residual(place: Place, X: Value) -> Value:
    return _join(place, [X, place.child(0, X)], lambda names: place.graph.op("Add", *names))


def tuplify(place: Place, X: Value) -> Value:
    return tuple(_all(place, X))


def with_getitem(place: Place, X: Value) -> Value:
    idx = place.node.attrs["idx"]
    if not isinstance(X, tuple) or not -len(X) <= idx < len(X):
        raise place.refuse_kind(f"a tuple with an item at {idx}", X)
    items = list(X)
    items[idx] = place.child(0, items[idx])
    return tuple(items)


def siamese(place: Place, X: Value) -> Value:
    if not isinstance(X, tuple) or len(X) != 2:
        raise place.refuse_kind("a tuple of 2", X)
    return place.child(1, tuple(place.child(0, item) for item in X))


def cauchy_similarity(place: Place, X: Value) -> Value:
    """``1 / (1 + Σ W (X1 - X2)²)``"""
    if not isinstance(X, tuple) or len(X) != 2:
        raise place.refuse_kind("a tuple of 2", X)
    graph = place.graph
    X1, X2 = (place.rows(item) for item in X)
    diff = graph.op("Sub", X1.name, X2.name)
    total = graph.op("MatMul", graph.op("Mul", diff, diff), place.constant("W"))
    return Array(graph.op("Reciprocal", graph.op("Add", total, graph.number(1.0))), 1, X1.dtype)


def with_array(place: Place, X: Value) -> Value:
    """Of sequences the rows, as one array."""
    if not isinstance(X, Sequences):
        return place.child(0, place.array(X))
    pad = place.node.attrs["pad"] if X.kind == "list" else 0
    rows = replace(X.rows, is_scattered=X.kind == "Padded")
    if pad:
        Y = _with_padding(place, X, pad)
    else:
        Y = place.array(place.child(0, rows))
    return replace(X, rows=replace(Y, is_scattered=False))


def _with_padding(place: Place, X: Sequences, pad: int) -> Array:
    """Run the layer on all rows, with rows of zeros before, between and behind the sequences."""
    graph, layout = place.graph, layout_of(place.graph, X.lengths)
    number = graph.op("Add", layout.sequence, graph.number(1, "int64"))
    zeros_before = graph.op("Mul", number, graph.number(pad, "int64"))
    row = graph.op("Add", layout.per_row(layout.starts), layout.position)
    place_of = graph.op("Add", row, zeros_before)  # (N,)
    n_zeros = graph.op(
        "Mul", graph.op("Add", graph.op("Shape", X.lengths), graph.integers(1)), graph.integers(pad)
    )
    # The number of the row in each place; N for zeros.
    empty = graph.op("Expand", layout.count, graph.op("Add", layout.count, n_zeros))
    row_in = graph.op("ScatterElements", empty, place_of, row, axis=0)
    rows = replace(X.rows, name=graph.op("Gather", with_row(graph, X.rows), row_in, axis=0))
    Y = place.array(place.child(0, rows))
    return replace(Y, name=graph.op("Gather", Y.name, place_of, axis=0))


def as_kind(kind: str) -> Exporter:
    """Run a layer that takes sequences of one kind on those of all kinds; its output has the kind of the input.

    They differ in how their rows are stored, and not in what these are.
    """

    def export(place: Place, X: Value) -> Value:
        Xs = place.sequences(X, "list", "Ragged", "Padded")
        if Xs.kind == kind:
            return place.child(0, Xs)
        return replace(place.sequences(place.child(0, replace(Xs, kind=kind)), kind), kind=Xs.kind)

    return export


def with_list(place: Place, X: Value) -> Value:
    return as_kind("list")(place, X) if isinstance(X, Sequences) else place.child(0, X)


def convert(kind: str, new: str) -> Exporter:
    """From sequences of one kind to those of another."""
    return lambda place, X: replace(place.sequences(X, kind), kind=new)


def list2array(place: Place, X: Value) -> Value:
    return place.sequences(X, "list").rows


def with_reshape(place: Place, X: Value) -> Value:
    """From (B, T, nI) to rows, and back."""
    X, graph = place.array(X, 3), place.graph
    shape = graph.op("Shape", X.name)
    leading = graph.op("Slice", shape, graph.integers(0), graph.integers(2))

    def reshaped(name: str, leading: str, width: str) -> str:
        return graph.op("Reshape", name, graph.op("Concat", leading, width, axis=0), allowzero=1)

    count = graph.op("ReduceProd", leading, keepdims=1)
    rows = reshaped(X.name, count, graph.op("Shape", X.name, start=2))
    Y = place.array(place.child(0, replace(X, name=rows, ndim=2)), 2)
    return replace(Y, name=reshaped(Y.name, leading, graph.op("Shape", Y.name, start=1)), ndim=3)


# By the module in `thinc.layers` that the forward function of a layer is from.
EXPORTERS: dict[str, Exporter] = {
    "add": add,
    "cauchysimilarity": cauchy_similarity,
    "chain": chain,
    "concatenate": concatenate,
    "dropout": same,
    "list2array": list2array,
    "list2padded": convert("list", "Padded"),
    "list2ragged": convert("list", "Ragged"),
    "noop": same,
    "padded2list": convert("Padded", "list"),
    "ragged2list": convert("Ragged", "list"),
    "residual": residual,
    "resizable": inner,
    "siamese": siamese,
    "transformerblock": as_kind("Ragged"),
    "tuplify": tuplify,
    "with_array": with_array,
    "with_array2d": with_array,
    "with_cpu": inner,
    "with_getitem": with_getitem,
    "with_list": with_list,
    "with_padded": as_kind("Padded"),
    "with_ragged": as_kind("Ragged"),
    "with_reshape": with_reshape,
}
