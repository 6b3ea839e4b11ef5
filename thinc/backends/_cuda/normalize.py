"""Softmax and layer normalization on the GPU, a warp for each row."""

from typing import Any

from .._ops_arrays import AnyArrayT
from .._ops_fused import FusedOps
from .._ops_softmax import SoftmaxOps
from .launch import WARP, has_kernel, launch

ROWS_OF_PART = 64  # of the sums over rows


class CudaNormalize(FusedOps, SoftmaxOps):
    """Normalization of the rows of a matrix."""

    def softmax(
        self, x: AnyArrayT, *, inplace: bool = False, axis: int = -1, temperature: float = 1.0
    ) -> AnyArrayT:
        """Softmax along the last axis; see `Ops.softmax`."""
        if not has_kernel(x) or not _is_last(axis, x) or not x.size:
            return super().softmax(x, inplace=inplace, axis=axis, temperature=temperature)
        Y: Any = self.alloc(x.shape, dtype=x.dtype, zeros=False)
        B, n = _matrix(x)
        launch("softmax", x, B * WARP, Y, self.as_contig(x), B, n, float(temperature))
        return Y

    def backprop_softmax(
        self, Y: AnyArrayT, dY: Any, *, axis: int = -1, temperature: float = 1.0
    ) -> AnyArrayT:
        """The gradient of the input of softmax; see `Ops.backprop_softmax`."""
        if not has_kernel(Y, dY) or not _is_last(axis, Y) or Y.shape != dY.shape or not Y.size:
            return super().backprop_softmax(Y, dY, axis=axis, temperature=temperature)
        dX: Any = self.alloc(Y.shape, dtype=Y.dtype, zeros=False)
        B, n = _matrix(Y)
        arrays = (self.as_contig(Y), self.as_contig(dY))
        launch("backprop_softmax", Y, B * WARP, dX, *arrays, B, n, float(temperature))
        return dX

    def _layernorm(self, X: Any, G: Any, b: Any) -> tuple[Any, Any, Any]:
        if not has_kernel(X, G, b) or not X.size:
            return super()._layernorm(X, G, b)
        B, n = X.shape
        Y = self.alloc((B, n), dtype=X.dtype, zeros=False)
        mu, rstd = (self.alloc((B,), dtype=X.dtype, zeros=False) for _ in range(2))
        launch("layernorm", X, B * WARP, Y, mu, rstd, *map(self.as_contig, (X, G, b)), B, n)
        return Y, mu, rstd

    def _backprop_layernorm(self, dY: Any, X: Any, G: Any, mu: Any, rstd: Any) -> tuple[Any, Any, Any]:
        if not has_kernel(dY, X, G, mu, rstd) or not X.size or dY.shape != X.shape:
            return super()._backprop_layernorm(dY, X, G, mu, rstd)
        B, n = X.shape
        dY, X, G, mu, rstd = map(self.as_contig, (dY, X, G, mu, rstd))
        dX = self.alloc((B, n), dtype=X.dtype, zeros=False)
        launch("backprop_layernorm", X, B * WARP, dX, dY, X, G, mu, rstd, B, n)
        parts = -(-B // ROWS_OF_PART)
        dG, db = (self.alloc((parts, n), dtype=X.dtype, zeros=False) for _ in range(2))
        launch("backprop_layernorm_weights", X, dG.size, dG, db, dY, X, mu, rstd, B, n, parts)
        return dX, dG.sum(axis=0), db.sum(axis=0)


def _is_last(axis: int, X: Any) -> bool:
    return X.ndim > 0 and axis in (-1, X.ndim - 1)


def _matrix(X: Any) -> tuple[int, int]:
    """Rows and columns of an array as a matrix with its last axis."""
    return X.size // X.shape[-1], X.shape[-1]
