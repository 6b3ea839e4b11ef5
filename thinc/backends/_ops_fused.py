"""Operations that layers call as one and backends fuse: the readable reference.

They are the layers' own: no part of the public interface.
"""

from typing import Any

from ._ops_arrays import ArrayOps


class FusedOps(ArrayOps):
    """Layer normalization, sums over rows, and what is fused with nothing but its allocation."""

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

    def _multiply(self, X: Any, Y: Any) -> Any:
        """``X * Y``, as a new array."""
        return X * Y

    def _add(self, X: Any, Y: Any) -> Any:
        """``X + Y``, as a new array."""
        return X + Y

    def _concatenate(self, arrays: Any, axis: int) -> Any:
        """``xp.concatenate(arrays, axis)``."""
        return self.xp.concatenate(arrays, axis=axis)

    def _sum_columns(self, X: Any) -> Any:
        """The sum of the rows of X ``(B, n)``: ``(n,)``; a bias's gradient."""
        return X.sum(axis=0)
