"""Layers that look at neighbouring rows, in ONNX."""

from dataclasses import replace

import numpy

from ._dense import affine
from ._layout import layout_of, with_row
from ._place import Exporter, Place
from ._values import Array, Sequences, Value

INT64_MAX = int(numpy.iinfo("int64").max)


def unscattered(place: Place, X: Value) -> Array:
    """Expect an array that is one sequence."""
    rows = place.rows(X)
    if rows.is_scattered:
        raise place.refuse("in the data of a Padded, the rows of one sequence are not neighbours.")
    return rows


def expand_window(place: Place, X: Value) -> Value:
    window = place.node.attrs["window_size"]
    if isinstance(X, Sequences):
        Xs = place.sequences(X, "Ragged")
        return Xs.with_rows(windows(place, Xs, 2 * window + 1, 1, 1, window)[0])
    X, graph = unscattered(place, X), place.graph
    # Rows of zeros around the batch, and then all of it, shifted by one row after the other.
    padded = graph.op("Pad", X.name, graph.integers(window, 0, window, 0))
    parts = []
    for start in range(2 * window + 1):
        end = start - 2 * window or INT64_MAX
        parts.append(graph.op("Slice", padded, graph.integers(start), graph.integers(end), graph.integers(0)))
    return replace(X, name=graph.op("Concat", *parts, axis=1))


def conv1d(place: Place, X: Value) -> Value:
    graph, attrs = place.graph, place.node.attrs
    settings = [
        place.node.get_dim("kernel_size"),
        *(attrs[name] for name in ("stride", "dilation", "padding")),
    ]
    if isinstance(X, Sequences):
        Xs = place.sequences(X, "Ragged", "Padded")
        rows, counts = windows(place, Xs, *settings)
        return replace(Xs.with_rows(affine(place, rows)), lengths=counts)
    X = unscattered(place, X)
    one = Sequences("Ragged", X, graph.op("Shape", X.name, end=1))
    return replace(X, name=affine(place, windows(place, one, *settings)[0]))


def windows(
    place: Place, X: Sequences, size: int, stride: int, dilation: int, padding: int
) -> tuple[str, str]:
    """The rows of each window side by side (M, size · width), with zeros outside of sequences; and their lengths."""
    graph, layout, rows = place.graph, layout_of(place.graph, X.lengths), place.rows(X.rows)
    reach = dilation * (size - 1)
    if stride == 1 and 2 * padding == reach:
        made = layout
    else:
        # Division is towards zero: n + 2 · padding - reach - 1 from -stride on gives none, as it should.
        last = graph.op("Add", X.lengths, graph.number(2 * padding - reach - 1 + stride, "int64"))
        counts = graph.op("Div", graph.op("Max", last, graph.integers(0)), graph.number(stride, "int64"))
        made = layout_of(graph, counts)
    first = graph.op(
        "Mul", made.position, graph.number(stride, "int64")
    )  # row of the window, in the sequence
    offsets = graph.integers(*(number * dilation - padding for number in range(size)))
    inside = graph.op("Add", made.column(first), offsets)  # (M, size)
    row = graph.op("Add", inside, made.column(made.per_row(layout.starts)))
    is_inside = graph.op(
        "And",
        graph.op("GreaterOrEqual", inside, graph.number(0, "int64")),
        graph.op("Less", inside, made.column(made.per_row(X.lengths))),
    )
    row = graph.op("Where", is_inside, row, layout.count)
    found = graph.op("Gather", with_row(graph, rows), row, axis=0)  # (M, size, width)
    width = graph.op("Mul", graph.op("Shape", rows.name, start=1), graph.integers(size))
    shape = graph.op("Concat", graph.op("Shape", row, end=1), width, axis=0)
    return graph.op("Reshape", found, shape, allowzero=1), made.lengths


# By the module in `thinc.layers` that the forward function of a layer is from.
EXPORTERS: dict[str, Exporter] = {"conv1d": conv1d, "expand_window": expand_window}
