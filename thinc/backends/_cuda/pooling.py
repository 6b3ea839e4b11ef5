"""Pooling over the rows of sequences on the GPU."""

from typing import Any

import numpy

from .._ops_pooling import PoolingOps, sequence_lengths
from .launch import flag, has_kernel, launch


class CudaPooling(PoolingOps):
    """Sums, means and maxima over sequences."""

    def reduce_max(self, X: Any, lengths: Any) -> tuple[Any, Any]:
        """Maxima over sequences; see `Ops.reduce_max`."""
        if not has_kernel(X) or X.ndim != 2:
            return super().reduce_max(X, lengths)
        sizes = sequence_lengths("reduce_max", lengths, rows=len(X), at_least=1)
        B, nO = len(sizes), X.shape[1]
        maxes = self.alloc((B, nO), dtype=X.dtype, zeros=False)
        which = self.alloc((B, nO), dtype="int32", zeros=False)
        launch("reduce_max", X, maxes.size, maxes, which, self.as_contig(X), self._ends(sizes), B, nO)
        return maxes, which

    def backprop_reduce_max(self, d_maxes: Any, which: Any, lengths: Any) -> Any:
        """The gradient at the rows that `which` names; see `Ops.backprop_reduce_max`."""
        if not has_kernel(d_maxes) or d_maxes.ndim != 2 or which.shape != d_maxes.shape:
            return super().backprop_reduce_max(d_maxes, which, lengths)
        sizes = sequence_lengths("backprop_reduce_max", lengths, items=len(d_maxes), at_least=1)
        rows, (B, nO) = int(sizes.sum()), d_maxes.shape
        dX = self.alloc((rows, nO), dtype=d_maxes.dtype, zeros=False)
        bad = flag(self)
        args = (self.as_contig(which, dtype="int32"), self._ends(sizes), B, rows, nO, bad)
        launch("backprop_reduce_max", dX, dX.size, dX, self.as_contig(d_maxes), *args)
        if int(bad[0]):
            return super().backprop_reduce_max(d_maxes, which, lengths)  # which says what is wrong
        return dX

    def backprop_reduce_sum(self, d_sums: Any, lengths: Any) -> Any:
        """Each row of the gradient for the rows of its sequence; see `Ops.backprop_reduce_sum`."""
        if not has_kernel(d_sums) or d_sums.ndim != 2:
            return super().backprop_reduce_sum(d_sums, lengths)
        return self._repeat_rows("backprop_reduce_sum", d_sums, lengths, is_mean=False)

    def backprop_reduce_mean(self, d_means: Any, lengths: Any) -> Any:
        """Each row of the gradient, divided among the rows of its sequence; see `Ops.backprop_reduce_mean`."""
        if not has_kernel(d_means) or d_means.ndim != 2:
            return super().backprop_reduce_mean(d_means, lengths)
        return self._repeat_rows("backprop_reduce_mean", d_means, lengths, is_mean=True)

    def _repeat_rows(self, operation: str, d_pooled: Any, lengths: Any, *, is_mean: bool) -> Any:
        sizes = sequence_lengths(operation, lengths, items=len(d_pooled))
        rows, (B, nO) = int(sizes.sum()), d_pooled.shape
        dX = self.alloc((rows, nO), dtype=d_pooled.dtype, zeros=False)
        args = (self._ends(sizes), B, rows, nO, int(is_mean))
        launch("backprop_reduce_sum", dX, dX.size, dX, self.as_contig(d_pooled), *args)
        return dX

    def _sum_sequences(self, X: Any, sizes: numpy.ndarray) -> Any:
        if not has_kernel(X) or X.ndim != 2:
            return super()._sum_sequences(X, sizes)
        B, nO = len(sizes), X.shape[1]
        sums = self.alloc((B, nO), dtype=X.dtype, zeros=False)
        launch("reduce_sum", X, sums.size, sums, self.as_contig(X), self._ends(sizes), B, nO)
        return sums

    def _ends(self, sizes: numpy.ndarray) -> Any:
        return self.xp.asarray(numpy.cumsum(sizes))
