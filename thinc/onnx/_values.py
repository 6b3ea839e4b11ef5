"""What flows between the layers of an exported model, and what its inputs and outputs are called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy

from ..types import Padded, Ragged

if TYPE_CHECKING:
    from ._graph import Graph


@dataclass(frozen=True)
class Array:
    """An array in the graph.

    ``is_scattered``: it stands for the data of a Padded, whose neighbours are not those of the sequences.
    """

    name: str
    ndim: int
    dtype: str
    is_scattered: bool = False


@dataclass(frozen=True)
class Sequences:
    """A list of arrays, a Ragged or a Padded: the rows of all sequences in their original order, and the lengths."""

    kind: str  # "list", "Ragged", "Padded"
    rows: Array
    lengths: str  # int64 (B,)

    def with_rows(self, name: str) -> Sequences:
        return replace(self, rows=replace(self.rows, name=name))


Value: TypeAlias = "Array | Sequences | tuple[Value, ...]"


class Port(NamedTuple):
    """An input or output of the graph."""

    name: str
    dtype: str
    shape: list[int | str | None]


def describe(X: Value) -> str:
    """Say of what kind a value is."""
    if isinstance(X, tuple):
        return f"a tuple of {len(X)}"
    if isinstance(X, Sequences):
        return f"a {X.kind}"
    return f"a {X.ndim}-d array of {X.dtype}"


def enter(graph: Graph, name: str, sample: Any) -> tuple[Value, list[Port]]:
    """Return what stands for a sample, and the inputs that it takes.

    Raises
    ------
    ValueError
        If the sample is of no kind that can be an input.
    """
    if isinstance(sample, tuple):
        pairs = [enter(graph, f"{name}_{number}", item) for number, item in enumerate(sample)]
        return tuple(value for value, _ in pairs), [port for _, ports in pairs for port in ports]
    if isinstance(sample, Ragged):
        return _enter_sequences(graph, name, "Ragged", sample.dataXd, 1)
    if isinstance(sample, Padded):
        return _enter_sequences(graph, name, "Padded", sample.data, 2)
    if isinstance(sample, list) and sample:
        return _enter_sequences(graph, name, "list", sample[0], 1)
    dtype = _dtype_of(graph, sample)
    axes: list[int | str | None] = [
        free(name, axis) for axis in ("batch", "steps")[: max(1, sample.ndim - 1)]
    ]
    return Array(name, sample.ndim, dtype), [Port(name, dtype, [*axes, *sample.shape[len(axes) :]])]


def free(name: str, axis: str) -> str:
    """What an axis of any length is called: names that are the same are of the same length for runtimes."""
    return axis if name == "X" else f"{name}_{axis}"


def _enter_sequences(graph: Graph, name: str, kind: str, sample: Any, axes: int) -> tuple[Value, list[Port]]:
    dtype = _dtype_of(graph, sample)
    widths = sample.shape[axes:]
    lengths = f"{name}_lengths"
    # As many rows as the lengths say: where they are not, this is where runtimes stop.
    shape = graph.op("ReduceSum", lengths, keepdims=1)
    if widths:
        shape = graph.op("Concat", shape, graph.integers(*widths), axis=0)
    rows = Array(graph.op("Reshape", name, shape, allowzero=1), 1 + len(widths), dtype)
    return Sequences(kind, rows, lengths), [
        Port(name, dtype, [free(name, "rows"), *widths]),
        Port(lengths, "int64", [free(name, "batch")]),
    ]


def _dtype_of(graph: Graph, sample: Any) -> str:
    kind = getattr(getattr(sample, "dtype", None), "kind", None)
    if kind not in ("f", "i", "u") or not sample.ndim:
        raise ValueError(
            "save_onnx expects X to be an array of numbers, a list of arrays with at least one item, a Ragged, a "
            f"Padded, or a tuple of those, but got {type(sample).__name__}."
        )
    return graph.dtype.name if kind == "f" else numpy.dtype(sample.dtype).name


def leave(graph: Graph, name: str, Y: Value, known_lengths: set[str]) -> list[Port]:
    """Call a value by a name; return the outputs that it takes. Lengths that are those of an input need none."""
    if isinstance(Y, tuple):
        parts = [leave(graph, f"{name}_{number}", item, known_lengths) for number, item in enumerate(Y)]
        return [port for ports in parts for port in ports]
    rows = Y.rows if isinstance(Y, Sequences) else Y
    graph.rename(rows.name, name)
    ports = [Port(name, rows.dtype, [None] * rows.ndim)]
    if isinstance(Y, Sequences) and Y.lengths not in known_lengths:
        graph.rename(Y.lengths, f"{name}_lengths")
        ports.append(Port(f"{name}_lengths", "int64", [None]))
    return ports
