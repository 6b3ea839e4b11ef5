"""Pooling over the rows of each sequence: sum, mean, max, first, last."""

import sys
from typing import Any

import numpy

from .._util.arrays import to_numpy
from ..types import Floats2d, Ints1d, Ints2d
from ._ops_arrays import ArrayOps

# Of an array.
MAX_ROWS = sys.maxsize


class PoolingOps(ArrayOps):
    """Reductions ``(T, O) -> (B, O)`` over sequences whose rows are concatenated.

    `lengths` holds the number of rows of each of the B sequences, as an integer array on any device. Sum,
    mean and max leave out rows beyond the sum of the lengths. Each operation raises ValueError for a length
    that is too small and IndexError for lengths that do not fit the rows.
    """

    def reduce_sum(self, X: Any, lengths: Any) -> Floats2d:
        """Sums ``(B, O)`` in the dtype of X; zeros for an empty sequence."""
        sizes = sequence_lengths("reduce_sum", lengths, rows=len(X))
        return self._sum_sequences(X, sizes)

    def backprop_reduce_sum(self, d_sums: Any, lengths: Any) -> Floats2d:
        """Each row of the gradient ``(B, O)``, repeated for the rows of its sequence: ``(T, O)``."""
        sizes = sequence_lengths("backprop_reduce_sum", lengths, items=len(d_sums))
        return d_sums[self._owners(sizes)]

    def reduce_mean(self, X: Any, lengths: Any) -> Floats2d:
        """Means ``(B, O)`` in the dtype of X; zeros for an empty sequence."""
        sizes = sequence_lengths("reduce_mean", lengths, rows=len(X))
        sums = self._sum_sequences(X, sizes)
        return sums / self._per_row(sizes, sums)

    def backprop_reduce_mean(self, d_means: Any, lengths: Any) -> Floats2d:
        """Each row of the gradient ``(B, O)``, divided among the rows of its sequence: ``(T, O)``."""
        sizes = sequence_lengths("backprop_reduce_mean", lengths, items=len(d_means))
        return (d_means / self._per_row(sizes, d_means))[self._owners(sizes)]

    def reduce_max(self, X: Any, lengths: Any) -> tuple[Floats2d, Ints2d]:
        """Maxima ``(B, O)``, and which row of its sequence each is, int32 ``(B, O)``: the first of equals.

        No sequence may be empty.
        """
        sizes = sequence_lengths("reduce_max", lengths, rows=len(X), at_least=1)
        shape = (len(sizes), *X.shape[1:])
        maxes = self.alloc(shape, dtype=X.dtype)
        which = self.alloc(shape, dtype="int32")
        end = 0
        for i, size in enumerate(sizes.tolist()):
            start, end = end, end + size
            maxes[i] = X[start:end].max(axis=0)
            which[i] = X[start:end].argmax(axis=0)
        return maxes, which

    def backprop_reduce_max(self, d_maxes: Any, which: Any, lengths: Any) -> Floats2d:
        """The gradient ``(B, O)`` at the rows that `which` names, zero elsewhere: ``(T, O)``."""
        sizes = sequence_lengths("backprop_reduce_max", lengths, items=len(d_maxes), at_least=1)
        if which.shape != d_maxes.shape:
            raise ValueError(
                f"backprop_reduce_max: which has shape {which.shape}, the gradient {d_maxes.shape}"
            )
        dX = self.alloc((int(sizes.sum()), *d_maxes.shape[1:]), dtype=d_maxes.dtype)
        if d_maxes.size == 0:
            return dX
        column = self.xp.asarray(sizes)[:, None]
        if bool(((which < 0) | (which >= column)).any()):
            raise IndexError(
                "backprop_reduce_max: which must name rows of its own sequence: 0 <= which < length"
            )
        starts = self.xp.asarray(numpy.cumsum(sizes) - sizes)[:, None]
        dX[which + starts, self.xp.arange(d_maxes.shape[1])] = d_maxes
        return dX

    def reduce_first(self, X: Any, lengths: Any) -> tuple[Floats2d, Ints1d]:
        """The first rows ``(B, O)``, and int32 ``(B + 1,)`` where sequences start and, last, T.

        No sequence may be empty, and the lengths must sum up to T.
        """
        if len(lengths) == 0:
            return X[:0].copy(), lengths
        sizes = sequence_lengths("reduce_first", lengths, rows=len(X), at_least=1, all_rows=True)
        starts_ends = self.asarray1i([0, *numpy.cumsum(sizes).tolist()])
        return X[starts_ends[:-1]], starts_ends

    def backprop_reduce_first(self, d_firsts: Any, starts_ends: Any) -> Floats2d:
        """The gradient ``(B, O)`` at the first rows, zero elsewhere: ``(T, O)``."""
        if len(starts_ends) == 0:
            return d_firsts[:0].copy()
        if len(starts_ends) == 1:
            raise ValueError(
                "backprop_reduce_first: starts_ends must have no entry, or one more than sequences"
            )
        return self._scatter_rows("backprop_reduce_first", d_firsts, starts_ends[:-1], int(starts_ends[-1]))

    def reduce_last(self, X: Any, lengths: Any) -> tuple[Floats2d, Ints1d]:
        """The last rows ``(B, O)`` and their positions, int64 ``(B,)``.

        No sequence may be empty, and the lengths must sum up to T.
        """
        if len(lengths) == 0:
            return X[:0].copy(), lengths
        sizes = sequence_lengths("reduce_last", lengths, rows=len(X), at_least=1, all_rows=True)
        lasts = self.xp.asarray(numpy.cumsum(sizes) - 1)
        return X[lasts], lasts

    def backprop_reduce_last(self, d_lasts: Any, lasts: Any) -> Floats2d:
        """The gradient ``(B, O)`` at the last rows, zero elsewhere: ``(T, O)``."""
        if len(lasts) == 0:
            return d_lasts[:0].copy()
        return self._scatter_rows("backprop_reduce_last", d_lasts, lasts, int(lasts[-1]) + 1)

    def _count_rows(self, lengths: Any) -> int:
        """How many rows sequences of these lengths have in all."""
        return int(lengths.sum())

    def _sum_sequences(self, X: Any, sizes: numpy.ndarray) -> Any:
        sums = self.alloc((len(sizes), *X.shape[1:]), dtype=X.dtype)
        end = 0
        for i, size in enumerate(sizes.tolist()):
            start, end = end, end + size
            sums[i] = X[start:end].sum(axis=0)
        return sums

    def _owners(self, sizes: numpy.ndarray) -> Any:
        """The number of the sequence that each row belongs to."""
        return self.xp.asarray(numpy.repeat(numpy.arange(len(sizes)), sizes))

    def _per_row(self, sizes: numpy.ndarray, like: Any) -> Any:
        """Lengths, at least 1, to divide the rows of `like` by without changing its dtype."""
        dtype = like.dtype if like.dtype.kind == "f" else "float64"
        divisors = self.xp.asarray(numpy.maximum(sizes, 1), dtype=dtype)
        return divisors.reshape((-1,) + (1,) * (like.ndim - 1))

    def _scatter_rows(self, operation: str, rows: Any, positions: Any, total: int) -> Any:
        if len(rows) != len(positions):
            raise ValueError(
                f"{operation}: got a gradient of {len(rows)} rows for {len(positions)} sequences"
            )
        dX = self.alloc((total, *rows.shape[1:]), dtype=rows.dtype)
        dX[positions] = rows
        return dX


def sequence_lengths(
    operation: str,
    lengths: Any,
    *,
    rows: int | None = None,
    items: int | None = None,
    at_least: int = 0,
    all_rows: bool = False,
) -> numpy.ndarray:
    """Check the lengths of sequences and return them as an int64 NumPy array ``(B,)``.

    Parameters
    ----------
    operation
        Named in the error messages.
    rows, all_rows
        The lengths must sum up to `rows` at most, or exactly if `all_rows`.
    items
        The number of lengths there must be.
    at_least
        The smallest length allowed.
    """
    sizes = to_numpy(lengths)
    if sizes.ndim != 1 or (sizes.dtype.kind not in "iu" and sizes.size):
        raise ValueError(
            f"{operation}: lengths must be 1-d integers, got {sizes.dtype} of shape {sizes.shape}"
        )
    sizes = sizes.astype("int64")
    if sizes.size and sizes.min() < at_least:
        bound = "> 0" if at_least == 1 else f">= {at_least}"
        remedy = "; leave empty sequences out" if sizes.min() == 0 else ""
        raise ValueError(f"{operation}: all sequence lengths must be {bound}, got {sizes.min()}{remedy}")
    if items is not None and len(sizes) != items:
        raise ValueError(f"{operation}: got a gradient of {items} rows for {len(sizes)} sequences")
    total = sum(sizes.tolist())  # which cannot overflow, as that of an array may
    if rows is not None and (total > rows or (all_rows and total < rows)):
        raise IndexError(
            f"{operation}: lengths must sum up to the number of rows, {rows}, but their sum is {total}"
        )
    if total > MAX_ROWS:
        raise ValueError(
            f"{operation}: lengths must sum up to {MAX_ROWS} rows at most, but their sum is {total}"
        )
    return sizes
