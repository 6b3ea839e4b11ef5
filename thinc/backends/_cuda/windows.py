"""Maxout pieces and windows of neighbouring rows on the GPU."""

from typing import Any

from .._ops_windows import WindowOps, check_seq2col_lengths
from .launch import flag, has_kernel, launch


class CudaWindows(WindowOps):
    """Maxout and seq2col."""

    def maxout(self, X: Any) -> tuple[Any, Any]:
        """The largest of each unit's pieces; see `Ops.maxout`."""
        if not has_kernel(X) or X.ndim != 3 or X.size == 0:
            return super().maxout(X)
        best = self.alloc(X.shape[:2], dtype=X.dtype, zeros=False)
        which = self.alloc(X.shape[:2], dtype="int32", zeros=False)
        launch("maxout", X, best.size, best, which, self.as_contig(X), best.size, X.shape[2])
        return best, which

    def backprop_maxout(self, dY: Any, which: Any, P: int) -> Any:
        """The gradient at the piece that `which` names; see `Ops.backprop_maxout`."""
        if not has_kernel(dY) or dY.ndim != 2 or which.shape != dY.shape or not dY.size * P:
            return super().backprop_maxout(dY, which, P)
        dX = self.alloc((*dY.shape, P), dtype=dY.dtype, zeros=False)
        bad = flag(self)
        which = self.as_contig(which, dtype="int32")
        launch("backprop_maxout", dY, dY.size, dX, self.as_contig(dY), which, dY.size, int(P), bad)
        if int(bad[0]):
            return super().backprop_maxout(dY, which, P)  # which says what is wrong
        return dX

    def seq2col(self, seq: Any, nW: int, *, lengths: Any = None) -> Any:
        """Each row with its neighbours; see `Ops.seq2col`."""
        if not has_kernel(seq) or seq.ndim != 2 or nW < 0:
            return super().seq2col(seq, nW, lengths=lengths)
        B, nI = seq.shape
        ends = self._window_ends(lengths, B)
        Y = self.alloc((B, (2 * nW + 1) * nI), dtype=seq.dtype, zeros=False)
        launch("seq2col", seq, Y.size, Y, self.as_contig(seq), ends, len(ends), B, int(nW), nI)
        return Y

    def backprop_seq2col(self, dY: Any, nW: int, *, lengths: Any = None) -> Any:
        """Add each slice of the gradient back to its source row; see `Ops.backprop_seq2col`."""
        if not has_kernel(dY) or dY.ndim != 2 or nW < 0 or dY.shape[1] % (2 * nW + 1):
            return super().backprop_seq2col(dY, nW, lengths=lengths)
        B, nI = dY.shape[0], dY.shape[1] // (2 * nW + 1)
        ends = self._window_ends(lengths, B)
        dX = self.alloc((B, nI), dtype=dY.dtype, zeros=False)
        launch("backprop_seq2col", dY, dX.size, dX, self.as_contig(dY), ends, len(ends), B, int(nW), nI)
        return dX

    def _window_ends(self, lengths: Any, B: int) -> Any:
        sizes = check_seq2col_lengths(self, lengths, B)
        return self.xp.cumsum(sizes, dtype="int64")
