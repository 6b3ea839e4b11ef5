"""Layers that take ids: tables, hashes, columns, in ONNX."""

from dataclasses import replace
from operator import index as as_index
from typing import Any

import numpy

from ._hashing import murmur3_x64_128
from ._place import Exporter, Place
from ._values import Array, Value

INT64_MAX = int(numpy.iinfo("int64").max)
INT64_MIN = int(numpy.iinfo("int64").min)


def embed(place: Place, X: Value) -> Value:
    graph = place.graph
    ids = place.array(X, None, "integers")
    # Negative ids count from the end, as do the largest of uint64, which wrap around.
    Y = graph.op("Gather", place.constant("E"), graph.cast(ids.name, "int64"), axis=0)
    return Array(Y, ids.ndim + 1, graph.dtype.name, ids.is_scattered)


def hash_embed(place: Place, X: Value) -> Value:
    """The sum of the four rows that the hash of an id names, modulo nV."""
    graph, nV = place.graph, place.node.get_dim("nV")
    ids = place.array(X, 1, "integers")
    E, size = place.constant("E"), graph.number(nV, "uint64")
    words = murmur3_x64_128(graph, graph.cast(ids.name, "uint64"), int(place.node.attrs["seed"]))
    parts = []
    for word in words:
        row = graph.cast(graph.op("Mod", word, size), "int64")
        parts.append(graph.op("Gather", E, row, axis=0))
    return Array(graph.op("Sum", *parts), 2, graph.dtype.name, ids.is_scattered)


def array_getitem(place: Place, X: Value) -> Value:
    """Columns, and whatever else indices and slices select."""
    X, graph = place.array(X), place.graph
    index = place.node.attrs["index"]
    index = index if isinstance(index, tuple) else (index,)
    if X.is_scattered and index[:1] != (slice(None),):
        raise place.refuse("the data of a Padded have other rows here.")
    if not all(map(_is_known, index)):
        raise place.refuse(
            f"index {index!r} has something else than slices, integers and a list of integers."
        )
    if sum(not isinstance(part, slice) for part in index) > 1 and any(map(_is_list, index)):
        raise place.refuse(f"index {index!r} has a list and another index.")
    name, axis = X.name, 0
    for part in index:
        if isinstance(part, slice):
            if part != slice(None):
                bounds = [graph.integers(number) for number in _bounds(part)]
                name = graph.op("Slice", name, *bounds[:2], graph.integers(axis), bounds[2])
            axis += 1
        elif _is_list(part):
            name = graph.op("Gather", name, graph.integers(*map(as_index, part)), axis=axis)
            axis += 1
        else:
            name = graph.op("Gather", name, graph.number(as_index(part), "int64"), axis=axis)
    dropped = sum(not isinstance(part, slice) and not _is_list(part) for part in index)
    return replace(X, name=name, ndim=X.ndim - dropped)


def _is_known(part: Any) -> bool:
    """Not masks, which have the look of lists, nor new axes."""
    return isinstance(part, slice) or (numpy.ndim(part) < 2 and (not numpy.size(part) or _kind(part) in "iu"))


def _kind(part: Any) -> str:
    return numpy.asarray(part).dtype.kind


def _is_list(part: Any) -> bool:
    return isinstance(part, (list, tuple, numpy.ndarray)) and numpy.ndim(part) > 0


def _bounds(part: slice) -> tuple[int, int, int]:
    step = 1 if part.step is None else part.step
    first, last = (0, INT64_MAX) if step > 0 else (INT64_MAX, INT64_MIN)
    return first if part.start is None else part.start, last if part.stop is None else part.stop, step


def uniqued(place: Place, X: Value) -> Value:
    """Run the layer on the first of the rows that have the same id in a column."""
    X, graph = place.array(X, None, "integers"), place.graph
    keys = X.name
    if X.ndim > 1:
        keys = graph.op("Gather", keys, graph.number(place.node.attrs["column"], "int64"), axis=1)
    _, first, groups = graph.op_n(3, "Unique", graph.cast(keys, "int64"), sorted=0)
    Y = place.array(place.child(0, replace(X, name=graph.op("Gather", X.name, first, axis=0))))
    return replace(Y, name=graph.op("Gather", Y.name, groups, axis=0))


def remap_ids(place: Place, X: Value) -> Value:
    table = place.node.attrs["mapping_table"] or {}
    if any(not isinstance(number, (int, numpy.integer, str)) for number in table):
        raise place.refuse("keys of its table are no integers.")
    # Words are equal to no id.
    return _mapped(place, X, {key: value for key, value in table.items() if not isinstance(key, str)})


def premap_ids(place: Place, X: Value) -> Value:
    keys, values, used = place.node.attrs["mapping_table"]._table
    dtype = place.array(X).dtype
    keys = keys if dtype == "uint64" else keys.view("int64")
    return _mapped(place, X, dict(zip(keys[used > 0].tolist(), values[used > 0].tolist(), strict=True)))


def _mapped(place: Place, X: Value, table: dict[Any, Any]) -> Value:
    """From ids (B,) or a column of them to what a table has for each, (B, 1)."""
    graph, attrs = place.graph, place.node.attrs
    column, dtype = attrs.get("column"), numpy.dtype(attrs.get("dtype", "int32"))
    ids = place.array(X, None, "integers")
    if ids.ndim == 2 and column is not None:
        ids = replace(ids, name=graph.op("Gather", ids.name, graph.number(column, "int64"), axis=1), ndim=1)
    ids = place.array(ids, 1)
    limits = numpy.iinfo(ids.dtype)
    known = {int(key): value for key, value in table.items() if limits.min <= key <= limits.max}
    default = attrs["default"]
    if dtype.kind not in "iu" or any(
        not isinstance(value, (int, numpy.integer)) or not INT64_MIN <= value <= INT64_MAX
        for value in [*known.values(), default]
    ):
        raise place.refuse("values of its table are no integers of 64 bits with a sign.")
    # One entry at least: runtimes refuse tables without any.
    known = known or {0: default}
    name = graph.op(
        "LabelEncoder",
        graph.cast(ids.name, "int64"),
        domain="ai.onnx.ml",
        keys_int64s=[(key + 2**63) % 2**64 - 2**63 for key in known],
        values_int64s=[int(value) for value in known.values()],
        default_int64=int(default),
    )
    name = graph.op("Unsqueeze", graph.cast(name, dtype), graph.integers(1))
    return Array(name, 2, dtype.name, ids.is_scattered)


# By the module in `thinc.layers` that the forward function of a layer is from.
EXPORTERS: dict[str, Exporter] = {
    "array_getitem": array_getitem,
    "embed": embed,
    "hashembed": hash_embed,
    "premap_ids": premap_ids,
    "remap_ids": remap_ids,
    "uniqued": uniqued,
}
