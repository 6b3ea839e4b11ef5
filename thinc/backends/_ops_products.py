"""Matrix products."""

from typing import Any

from ..types import Floats2d
from ._ops_arrays import ArrayOps


class ProductOps(ArrayOps):
    """Matrix products, and access to the BLAS routines behind them."""

    def cblas(self) -> Any:
        """A new table of C BLAS routines (`thinc.backends.cblas.CBlas`), if the backend has one."""
        raise NotImplementedError(f"The backend {self.name!r} has no BLAS routines for C; NumpyOps has")

    def gemm(self, x: Any, y: Any, out: Any = None, trans1: bool = False, trans2: bool = False) -> Floats2d:
        """Matrix product of `x` and `y`.

        Parameters
        ----------
        x, y
            Arrays with two dimensions.
        out
            An array to write the product to, of its shape and dtype, with any strides. What it held before
            does not matter.
        trans1, trans2
            Transpose `x`, `y` first.

        Returns
        -------
        `out`, or a new array.

        Raises
        ------
        ValueError
            If the shapes do not fit together, or not `out`, or `out` has another dtype.
        """
        if x.ndim != 2 or y.ndim != 2:
            raise ValueError(f"gemm: expected arrays with two dimensions, got shapes {x.shape} and {y.shape}")
        x = x.T if trans1 else x
        y = y.T if trans2 else y
        if x.shape[1] != y.shape[0]:
            raise ValueError(f"gemm: cannot multiply shapes {x.shape} and {y.shape} (after transposing)")
        product = self.xp.dot(x, y)
        if out is None:
            return product
        if out.shape != product.shape or out.dtype != product.dtype:
            raise ValueError(f"gemm: out must be {product.dtype}{product.shape}, got {out.dtype}{out.shape}")
        out[...] = product
        return out

    def _add_gemm(self, out: Any, x: Any, y: Any, trans1: bool = False, trans2: bool = False) -> None:
        """``out += gemm(x, y)``: how products are added to a gradient. Nothing is changed if the shapes do not fit."""
        product = self.gemm(x, y, trans1=trans1, trans2=trans2)
        if out.shape != product.shape:
            raise ValueError(
                f"gemm: cannot add a product of shape {product.shape} to an array of shape {out.shape}"
            )
        out += product

    def affine(self, X: Any, W: Any, b: Any) -> Floats2d:
        """``X @ W.T + b`` of X ``(B, I)``, W ``(O, I)``, b ``(O,)``: ``(B, O)`` like the product."""
        Y = self.gemm(X, W, trans2=True)
        Y += b
        return Y

    def _backprop_affine(
        self, dA: Any, X: Any, W: Any, dW: Any = None, db: Any = None, wants_dX: bool = True
    ) -> tuple[Any, Any, Any]:
        """The gradients of `affine` from that of its output, dA ``(B, O)``.

        Parameters
        ----------
        dA, X, W
            ``(B, O)``, ``(B, I)``, ``(O, I)``.
        dW, db
            Sums of gradients of W and b, with as many elements. If both are given, contiguous and of the dtype of dA,
            this adds to them in place. Nothing is changed if there is an error.
        wants_dX
            Whether to compute dX.

        Returns
        -------
        dX
            ``(B, I)``, or None if it is not wanted.
        dW, db
            Those that were given, if they were added to; otherwise new ones, ``(O, I)`` and ``(O,)``.
        """
        dX = self.gemm(dA, W) if wants_dX else None
        columns = self._sum_columns(dA)
        if not _takes(dW, W.size, W.shape[-1], dA.dtype) or not _takes(db, W.shape[0], None, dA.dtype):
            return dX, self.gemm(dA, X, trans1=True), columns
        self._add_gemm(dW.reshape(W.shape), dA, X, trans1=True)
        flat = db.reshape(-1)
        flat += columns
        return dX, dW, db

    def _sum_columns(self, X: Any) -> Any:
        """The sum of the rows of X ``(B, n)``: ``(n,)``; a bias's gradient."""
        return X.sum(axis=0)


def _takes(total: Any, size: int, width: int | None, dtype: Any) -> bool:
    """Whether a gradient of so many elements, in rows of that width, can be added to `total` in place."""
    return (
        total is not None
        and total.size == size
        and (width is None or total.shape[-1] == width)
        and total.dtype == dtype
        and total.flags.c_contiguous
    )
