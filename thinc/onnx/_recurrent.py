"""Layers that read step by step, in ONNX."""

from collections.abc import Iterator
from typing import Any

import numpy

from ..backends._packed_steps import parameter_blocks
from ._layout import layout_of, with_row
from ._place import Exporter, Place, on_sequences
from ._values import Array, Sequences, Value


def lstm(place: Place, X: Sequences) -> Value:
    C0, H0 = place.param("HC0")  # (depth, dirs, nH)
    # Ours are forget, input, output, cell; those of ONNX input, output, forget, cell.
    return _recurrent(place, X, "LSTM", [1, 2, 0, 3], initial=(H0, C0))


def gru(place: Place, X: Sequences) -> Value:
    # Ours are reset, update, candidate; those of ONNX update, reset, candidate.
    return _recurrent(place, X, "GRU", [1, 0, 2], linear_before_reset=1)


def _recurrent(
    place: Place, X: Sequences, kind: str, gates: list[int], initial: tuple[Any, ...] = (), **settings: Any
) -> Value:
    graph, node = place.graph, place.node
    depth, dirs, nO, nI = (node.get_dim(name) for name in ("depth", "dirs", "nO", "nI"))
    nH = nO // dirs
    # With one more sequence, of one row of zeros: runtimes fail where there are no sequences, or no steps.
    lengths = graph.op("Concat", X.lengths, graph.integers(1), axis=0)
    layout = layout_of(graph, lengths)
    padded = layout.pad(Array(with_row(graph, X.rows), 2, X.rows.dtype))
    steps = graph.op("Transpose", padded, perm=[1, 0, 2])  # (L, B + 1, nI)
    counts = graph.cast(graph.op("Max", lengths, graph.integers(1)), "int32")
    batch = graph.op("Shape", lengths)
    for layer, weights in enumerate(_weights(place.param(kind), gates, depth, dirs, nH, nI)):
        names = [
            place.constant(f"{kind}.{layer}.{name}", value)
            for name, value in zip("WRB", weights, strict=True)
        ]
        states = []
        for name, state in zip("HC", initial, strict=False):
            shape = graph.op("Concat", graph.integers(dirs), batch, graph.integers(nH), axis=0)
            value = place.constant(f"{kind}.{layer}.{name}0", state[layer][:, None])  # (dirs, 1, nH)
            states.append(graph.op("Expand", value, shape))
        direction = "bidirectional" if dirs == 2 else "forward"
        Y = graph.op(kind, steps, *names, counts, *states, hidden_size=nH, direction=direction, **settings)
        Y = graph.op("Transpose", Y, perm=[0, 2, 1, 3])  # (L, B + 1, dirs, nH)
        steps = graph.op("Reshape", Y, graph.integers(0, 0, nO))
    rows = layout.unpad(graph.op("Transpose", steps, perm=[1, 0, 2]))
    without_last = graph.op("Slice", rows, graph.integers(0), graph.integers(-1), graph.integers(0))
    return X.with_rows(without_last)


def _weights(
    params: Any, gates: list[int], depth: int, dirs: int, nH: int, nI: int
) -> Iterator[tuple[Any, Any, Any]]:
    """For each layer the weights for the input and those for the state, and the biases of both, for all directions."""
    n_gates = len(gates)

    def sort(array: Any) -> Any:
        return array.reshape((n_gates, nH, -1))[gates].reshape(array.shape)

    layers: list[list[tuple[Any, Any, Any]]] = [[] for _ in range(depth)]
    for layer, _, blocks in parameter_blocks(params, n_gates, depth, dirs, nH, nI):
        Wx, bx, Wh, bh = map(sort, blocks)
        layers[layer].append((Wx, Wh, numpy.concatenate([bx, bh])))
    for directions in layers:
        W, R, B = map(numpy.stack, zip(*directions, strict=True))
        yield W, R, B


def bidirectional(place: Place, X: Sequences) -> Value:
    """One layer on the sequences, and one on the reversed ones, the output of which is reversed again."""
    graph, layout = place.graph, layout_of(place.graph, X.lengths)
    last = graph.op("Sub", layout.per_row(layout.ends), graph.number(1, "int64"))
    mirrored = graph.op("Sub", last, layout.position)

    def reverse(Xs: Sequences) -> Sequences:
        return Xs.with_rows(graph.op("Gather", Xs.rows.name, mirrored, axis=0))

    left = place.sequences(place.child(0, X), "Padded")
    right = reverse(place.sequences(place.child(1, reverse(X)), "Padded"))
    return X.with_rows(graph.op("Concat", left.rows.name, right.rows.name, axis=1))


# By the module in `thinc.layers` that the forward function of a layer is from.
EXPORTERS: dict[str, Exporter] = {
    "bidirectional": on_sequences(bidirectional, "Padded"),
    "gru": on_sequences(gru, "Padded"),
    "lstm": on_sequences(lstm, "Padded"),
}
