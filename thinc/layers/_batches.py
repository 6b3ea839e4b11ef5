"""Batches of any kind, arrays, lists, Ragged and Padded: their sums, and their widths when they are empty."""

from itertools import zip_longest
from math import prod
from typing import Any

from ..backends import Ops
from ..types import Padded, Ragged


def sum_batches(ops: Ops, batches: list[Any]) -> Any:
    """Return the sum of ``batches``, item by item or by their data.

    None, an empty list and an array without elements count as "nothing to add", as does a missing item at
    the end of a shorter list: layers that have no gradient to give return them. A single batch is returned
    as it is. The sum may be computed in an array that nobody holds but the list.

    Raises
    ------
    ValueError
        If two arrays differ in shape: they would be broadcast silently.
    """
    total = ops._sum(batches)
    if total is not None:
        return total
    total = batches[0]
    for batch in batches[1:]:
        total = add_batches(ops, total, batch)
    return total


def add_batches(ops: Ops, a: Any, b: Any) -> Any:
    """Return ``a + b`` in the container of ``a``; see `sum_batches`."""
    if isinstance(a, list) and isinstance(b, list):
        items = ops._add_items(a, b)
        if items is not None:
            return items
    shape = getattr(a, "shape", None)
    if shape is not None and shape == getattr(b, "shape", None):
        return ops._add(a, b)
    if _is_nothing(a):
        return b
    if _is_nothing(b):
        return a
    if isinstance(a, (list, tuple)):
        return [sum_batches(ops, [x, y]) for x, y in zip_longest(a, b)]
    if isinstance(a, Ragged):
        rows = add_batches(ops, rows_of(a), rows_of(b) if isinstance(b, Ragged) else b)
        return Ragged(rows.reshape(a.dataXd.shape), a.lengths)
    if isinstance(a, Padded):
        data = add_batches(ops, a.data, b.data if isinstance(b, Padded) else b)
        return Padded(data, a.size_at_t, a.lengths, a.indices)
    if shape != getattr(b, "shape", None):
        raise ValueError(
            f"Cannot add batches of different shapes: {shape} and {getattr(b, 'shape', None)}. "
            "Layers that are added up must give outputs, and gradients, of one width."
        )
    return a + b


def _is_nothing(batch: Any) -> bool:
    if batch is None:
        return True
    if isinstance(batch, (list, tuple)):
        return not batch
    if isinstance(batch, (Ragged, Padded)):
        return not batch.data.size
    return getattr(batch, "size", 1) == 0


def rows_of(Xr: Ragged) -> Any:
    """Return the data of a Ragged as rows (T, nI): ``Xr.data``, which keeps its width when it is empty."""
    if Xr.data.size:
        return Xr.data
    return Xr.data.reshape((Xr.data.shape[0], prod(Xr.data_shape[1:])))


def with_width(X: Any, width: int, weights: Any = None) -> Any:
    """Give an empty batch its width back, and the dtype of the weights that it is to meet.

    A batch of no items says nothing about them: flattening it gives a (0, 0) array of float32.
    """
    if X.shape != (0, 0):
        return X
    X = X.reshape((0, width))
    return X if weights is None else X.astype(weights.dtype)


def unchanged(dY: Any) -> Any:
    """Backpropagate through nothing."""
    return dY
