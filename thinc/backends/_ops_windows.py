"""Maxout pieces and windows of neighbouring rows."""

from typing import Any

import numpy

from .._util.arrays import to_numpy
from ..types import Floats2d, Floats3d, Ints2d
from ._ops_arrays import ArrayOps


class WindowOps(ArrayOps):
    """Maxout and seq2col."""

    def maxout(self, X: Any) -> tuple[Floats2d, Ints2d]:
        """The largest of each unit's pieces.

        Parameters
        ----------
        X
            ``(B, O, P)``

        Returns
        -------
        best
            ``(B, O)``, in the dtype of X; zeros if P is 0.
        which
            int32 ``(B, O)``: the piece it is, the first of equals.
        """
        if X.ndim != 3:
            raise ValueError(f"maxout: expected an array (B, O, P), got shape {X.shape}")
        if X.size == 0:
            return self.alloc(X.shape[:2], dtype=X.dtype), self.alloc(X.shape[:2], dtype="int32")
        return X.max(axis=-1), X.argmax(axis=-1).astype("int32")

    def backprop_maxout(self, dY: Any, which: Any, P: int) -> Floats3d:
        """The gradient ``(B, O)`` at the piece that `which` names, zero at the others: ``(B, O, P)``.

        Raises
        ------
        ValueError
            If dY and `which` differ in shape.
        IndexError
            Unless 0 <= which < P.
        """
        if dY.ndim != 2 or which.shape != dY.shape:
            raise ValueError(
                f"backprop_maxout: dY and which must have one shape (B, O), got {dY.shape} and {which.shape}"
            )
        dX = self.alloc((*dY.shape, P), dtype=dY.dtype)
        if dY.size == 0:
            return dX
        if int(which.min()) < 0 or int(which.max()) >= P:
            raise IndexError(
                f"backprop_maxout: which must be at least 0 and less than the number of pieces, {P}, "
                f"but ranges from {which.min()} to {which.max()}"
            )
        rows = self.xp.arange(dY.shape[0])[:, None]
        dX[rows, self.xp.arange(dY.shape[1]), which] = dY
        return dX

    def seq2col(self, seq: Any, nW: int, *, lengths: Any = None) -> Floats2d:
        """Each row with its `nW` neighbours on either side: row j becomes rows j-nW ... j+nW side by side.

        Parameters
        ----------
        seq
            ``(B, I)``
        nW
            Neighbours on each side.
        lengths
            The number of rows of each sequence, summing to B; None means one sequence. Neighbours beyond the
            ends of a row's own sequence are zero.

        Returns
        -------
        Array ``(B, (2 * nW + 1) * I)``.

        Raises
        ------
        ValueError
            If `seq` has not two dimensions or `nW` is negative.
        AssertionError
            If the lengths do not fit.
        """
        _check_window("seq2col", seq, nW)
        B, nI = seq.shape
        cols = self.alloc((B, 2 * nW + 1, nI), dtype=seq.dtype)
        for shift, targets, sources in self._neighbours(B, nW, lengths):
            cols[targets, nW + shift] = seq[sources]
        return cols.reshape((B, (2 * nW + 1) * nI))

    def backprop_seq2col(self, dY: Any, nW: int, *, lengths: Any = None) -> Floats2d:
        """Add each slice of the gradient ``(B, (2 * nW + 1) * I)`` back to its source row: ``(B, I)``."""
        _check_window("backprop_seq2col", dY, nW)
        B, nCol = dY.shape
        if nCol % (2 * nW + 1):
            raise ValueError(
                f"backprop_seq2col: {nCol} columns cannot be divided by the window, {2 * nW + 1}"
            )
        nI = nCol // (2 * nW + 1)
        dX = self.alloc((B, nI), dtype=dY.dtype)
        for shift, targets, sources in self._neighbours(B, nW, lengths):
            start = (nW + shift) * nI
            dX[sources] += dY[targets, start : start + nI]
        return dX

    def _neighbours(self, B: int, nW: int, lengths: Any) -> list[tuple[int, Any, Any]]:
        """For each distance from the middle: which rows have a neighbour there, and which row that is."""
        sizes = numpy.array([B]) if lengths is None else to_numpy(check_seq2col_lengths(self, lengths, B))
        rows = numpy.arange(B)
        ends = numpy.repeat(numpy.cumsum(sizes), sizes)
        starts = ends - numpy.repeat(sizes, sizes)
        places = []
        for shift in range(-min(nW, B), min(nW, B) + 1):
            inside = (rows + shift >= starts) & (rows + shift < ends)
            places.append((shift, self.xp.asarray(rows[inside]), self.xp.asarray(rows[inside] + shift)))
        return places


def check_seq2col_lengths(ops: ArrayOps, lengths: Any, B: int) -> Any:
    """The lengths of the sequences in `B` rows as an int32 array; None means one sequence.

    Raises
    ------
    AssertionError
        If a length is negative or they do not sum up to `B`.
    """
    if lengths is None:
        return ops.asarray1i([B])
    lengths = ops.asarray(lengths)
    if lengths.ndim != 1 or (lengths.size and lengths.dtype.kind not in "iu"):
        raise AssertionError(
            f"seq2col: lengths must be 1-d integers, got {lengths.dtype} of shape {lengths.shape}"
        )
    if lengths.size and int(lengths.min()) < 0:
        raise AssertionError(f"seq2col: lengths must not be negative, got {lengths.min()}")
    total = sum(lengths.tolist())  # which cannot overflow, as that of an array may
    if total != B:
        raise AssertionError(
            f"seq2col: lengths must sum up to the number of rows, {B}, but sum up to {total}"
        )
    return ops.asarray1i(lengths)


def _check_window(operation: str, X: Any, nW: int) -> None:
    if X.ndim != 2:
        raise ValueError(f"{operation}: expected an array with two dimensions, got shape {X.shape}")
    if nW < 0:
        raise ValueError(f"{operation}: the window nW must not be negative, got {nW}")
