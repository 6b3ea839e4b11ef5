"""Attention of one learned query over the rows of sequences: the readable reference.

The operations are the layers' own: no part of the public interface.
"""

from typing import Any

from ._ops_products import ProductOps
from ._ops_softmax import SoftmaxOps


class QueryAttentionOps(ProductOps, SoftmaxOps):
    """Rows weighted by how well they, or keys made from them, match a vector."""

    def _attend(self, X: Any, K: Any, Q: Any, lengths: Any) -> tuple[Any, Any]:
        """``Y = X * softmax(K @ Q)``, within each sequence (Yang et al. 2016).

        Parameters
        ----------
        X, K
            The rows of all sequences and their keys, ``(T, O)``. K may be None: the rows are their own keys.
        Q
            ``(O,)``
        lengths
            Integers that sum up to T: the rows of each sequence.

        Returns
        -------
        Y
            ``(T, O)``
        weights
            ``(T, 1)``, for the way back.
        """
        scores = self.gemm(X if K is None else K, Q.reshape((-1, 1)))
        weights = self.softmax_sequences(scores, lengths)
        return X * weights, weights

    def _backprop_attend(
        self, dY: Any, X: Any, K: Any, Q: Any, weights: Any, lengths: Any, wants_dX: bool = True
    ) -> tuple[Any, Any, Any]:
        """The gradients of X, K and Q: ``(T, O)`` or None if it is not wanted, ``(T, O)``, ``(O,)``.

        Without K, that of X is what flows through the keys, too, and there is none of K.
        """
        d_weights = (X * dY).sum(axis=1, keepdims=True)
        d_scores = self.backprop_softmax_sequences(d_weights, weights, lengths)
        dQ = self.gemm(X if K is None else K, d_scores, trans1=True).reshape(-1)
        dX = dY * weights if wants_dX else None
        if K is not None:
            return dX, d_scores * Q, dQ
        if dX is not None:
            dX += d_scores * Q
        return dX, None, dQ
