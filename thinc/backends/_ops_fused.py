"""Operations that layers call as one and backends fuse: the readable reference.

They are the layers' own: no part of the public interface.
"""

from typing import Any

from ._ops_products import ProductOps
from ._ops_windows import WindowOps


class FusedOps(ProductOps, WindowOps):
    """Layer normalization, and dense layers with maxout."""

    def _layernorm(self, X: Any, G: Any, b: Any) -> tuple[Any, Any, Any]:
        """``Y = (X - mu) * rstd * G + b`` with the mean and standard deviation of each row (Ba et al. 2016).

        Parameters
        ----------
        X
            ``(B, n)``
        G, b
            Gain and bias, ``(n,)``.

        Returns
        -------
        Y
            ``(B, n)``
        mu, rstd
            ``(B,)``: mean, and ``1 / sqrt(variance + 1e-8)``; for the way back.
        """
        mu = X.mean(axis=1)
        centred = X - mu[:, None]
        rstd = 1 / self.xp.sqrt((centred * centred).mean(axis=1) + 1e-8)
        return centred * rstd[:, None] * G + b, mu, rstd

    def _backprop_layernorm(self, dY: Any, X: Any, G: Any, mu: Any, rstd: Any) -> tuple[Any, Any, Any]:
        """The gradients of X, G and b: ``(B, n)``, ``(n,)``, ``(n,)``."""
        normed = (X - mu[:, None]) * rstd[:, None]
        d = dY * G
        mean_d = d.mean(axis=1, keepdims=True)
        mean_dn = (d * normed).mean(axis=1, keepdims=True)
        dX = (d - mean_d - normed * mean_dn) * rstd[:, None]
        return dX, (dY * normed).sum(axis=0), dY.sum(axis=0)

    def _rmsnorm(self, X: Any, G: Any, eps: float) -> tuple[Any, Any]:
        """``Y = X * rstd * G``, ``rstd = 1 / sqrt(mean(X²) + eps)`` of each row (Zhang and Sennrich 2019).

        X and Y are ``(B, n)``, G is ``(n,)``; rstd, for the way back, ``(B,)``.
        """
        rstd = 1 / self.xp.sqrt((X * X).mean(axis=1) + eps)
        return X * rstd[:, None] * G, rstd

    def _backprop_rmsnorm(self, dY: Any, X: Any, G: Any, rstd: Any) -> tuple[Any, Any]:
        """The gradients of X and G: ``(B, n)``, ``(n,)``."""
        normed = X * rstd[:, None]
        d = dY * G
        dX = (d - normed * (d * normed).mean(axis=1, keepdims=True)) * rstd[:, None]
        return dX, (dY * normed).sum(axis=0)

    def _maxout_dense(self, X: Any, W: Any, b: Any) -> tuple[Any, Any]:
        """``Y[:, o] = max_p (X @ W[o, p] + b[o, p])``, as one.

        Parameters
        ----------
        X
            ``(B, nI)``
        W
            ``(nO, nP, nI)``
        b
            ``(nO, nP)``

        Returns
        -------
        Y
            ``(B, nO)``
        which
            ``(B, nO)``, any integers: the piece it is, for the way back.
        """
        nO, nP, nI = W.shape
        A = self.affine(X, W.reshape((nO * nP, nI)), b.reshape((nO * nP,)))
        return self.maxout(A.reshape((A.shape[0], nO, nP)))

    def _backprop_maxout_dense(
        self, dY: Any, which: Any, X: Any, W: Any, dW: Any = None, db: Any = None, wants_dX: bool = True
    ) -> tuple[Any, Any, Any]:
        """The gradients of X, W and b, as `_backprop_affine` gives them; W is ``(nO, nP, nI)``, b is ``(nO, nP)``."""
        nO, nP, nI = W.shape
        dA = self.backprop_maxout(dY, which, nP).reshape((dY.shape[0], nO * nP))
        dX, sum_W, sum_b = self._backprop_affine(dA, X, W.reshape((nO * nP, nI)), dW, db, wants_dX)
        if sum_W is not dW:
            sum_W, sum_b = sum_W.reshape(W.shape), sum_b.reshape((nO, nP))
        return dX, sum_W, sum_b
