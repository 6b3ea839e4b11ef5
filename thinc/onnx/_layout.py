"""Where the rows of sequences are: from rows one after the other to (B, longest, width), and back."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ._values import Array

if TYPE_CHECKING:
    from ._graph import Graph


class Layout:
    """The places of the rows (N, width) of B sequences, as names in the graph; each is added when it is needed."""

    def __init__(self, graph: Graph, lengths: str):
        self.graph = graph
        self.lengths = lengths  # (B,)

    @cached_property
    def ends(self) -> str:  # (B,)
        return self.graph.op("CumSum", self.lengths, self.graph.number(0, "int64"))

    @cached_property
    def starts(self) -> str:  # (B,)
        return self.graph.op("Sub", self.ends, self.lengths)

    @cached_property
    def count(self) -> str:
        """N, as a vector of one."""
        return self.graph.op("ReduceSum", self.lengths, keepdims=1)

    @cached_property
    def steps(self) -> str:  # (longest,)
        graph = self.graph
        # With a zero: there may be no sequence.
        longest = graph.op(
            "ReduceMax", graph.op("Concat", self.lengths, graph.integers(0), axis=0), keepdims=0
        )
        return graph.op("Range", graph.number(0, "int64"), longest, graph.number(1, "int64"))

    @cached_property
    def mask(self) -> str:
        """Which places of (B, longest) have a row."""
        return self.graph.op("Less", self.steps, self.column(self.lengths))

    @cached_property
    def places(self) -> str:
        """The sequence and the position in it of every row, (2, N)."""
        return self.graph.op("NonZero", self.mask)

    @cached_property
    def sequence(self) -> str:  # (N,)
        return self.graph.op("Gather", self.places, self.graph.number(0, "int64"))

    @cached_property
    def position(self) -> str:  # (N,)
        return self.graph.op("Gather", self.places, self.graph.number(1, "int64"))

    @cached_property
    def row(self) -> str:
        """The number of the row at each place of (B, longest), and N where there is none."""
        rows = self.graph.op("Add", self.column(self.starts), self.steps)
        return self.graph.op("Where", self.mask, rows, self.count)

    def pad(self, rows: Array, fill: float = 0.0) -> str:
        """From (N, width) to (B, longest, width)."""
        return self.graph.op("Gather", with_row(self.graph, rows, fill), self.row, axis=0)

    def unpad(self, padded: str) -> str:
        """From (B, longest, width) to (N, width)."""
        return self.graph.op("GatherND", padded, self.graph.op("Transpose", self.places))

    def row_of_each(self, rows: str, numbers: str) -> str:
        """One row of each sequence; runtimes refuse to go on if one is empty, for there is no such row."""
        graph = self.graph
        has_rows = graph.op("Greater", self.lengths, graph.integers(0))
        return graph.op("Gather", rows, graph.op("Where", has_rows, numbers, self.count), axis=0)

    def per_row(self, values: str) -> str:
        """From a value for each sequence to one for each row."""
        return self.graph.op("Gather", values, self.sequence, axis=0)

    def column(self, values: str) -> str:  # (n,) -> (n, 1)
        return self.graph.op("Unsqueeze", values, self.graph.integers(1))


def layout_of(graph: Graph, lengths: str) -> Layout:
    """The layout of sequences with these lengths, which layers share."""
    found: Layout = graph.known.setdefault(("layout", lengths), Layout(graph, lengths))
    return found


def with_row(graph: Graph, rows: Array, fill: float = 0.0) -> str:
    """Add a row of one value behind the others."""
    shape = graph.integers(1)
    if rows.ndim > 1:
        shape = graph.op("Concat", shape, graph.op("Shape", rows.name, start=1), axis=0)
    return graph.op("Concat", rows.name, graph.full(shape, fill, rows.dtype), axis=0)
