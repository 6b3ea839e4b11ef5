"""Softmax over an axis and over sequences."""

from typing import Any

from ._ops_activations import check_same_shape
from ._ops_arrays import AnyArrayT
from ._ops_pooling import PoolingOps


class SoftmaxOps(PoolingOps):
    """Normalised exponentials."""

    def softmax(
        self, x: AnyArrayT, *, inplace: bool = False, axis: int = -1, temperature: float = 1.0
    ) -> AnyArrayT:
        """``exp(x / temperature)``, normalised to sum to 1 along `axis`.

        Parameters
        ----------
        x
            Logits, float array of any shape.
        inplace
            Has no effect: the result is always a new array.
        axis
            The axis to normalise.
        temperature
            Divides the logits.
        """
        if x.size == 0:
            return self.xp.zeros_like(x)
        logits = x / temperature
        exps = self.xp.exp(logits - logits.max(axis=axis, keepdims=True))
        return exps / exps.sum(axis=axis, keepdims=True)

    def backprop_softmax(
        self, Y: AnyArrayT, dY: Any, *, axis: int = -1, temperature: float = 1.0
    ) -> AnyArrayT:
        """``Y * (dY - sum(Y * dY)) / temperature``, of the output Y. Mind the order of the arguments."""
        check_same_shape("backprop_softmax", dY, Y)
        dX = Y * (dY / temperature)
        return dX - Y * dX.sum(axis=axis, keepdims=True)

    def softmax_sequences(
        self, Xs: AnyArrayT, lengths: Any, *, inplace: bool = False, axis: int = -1
    ) -> AnyArrayT:
        """Softmax over the rows of each sequence, for each column, of x clipped to [-20, 20].

        Parameters
        ----------
        Xs
            The rows of all sequences, ``(T, O)``.
        lengths
            The number of rows of each sequence, summing to T.
        inplace, axis
            Have no effect.

        Raises
        ------
        NotImplementedError
            If `Xs` has three or more dimensions.
        """
        if Xs.ndim >= 3:
            raise NotImplementedError(f"softmax_sequences: expected two dimensions, got shape {Xs.shape}")
        exps = self.xp.exp(self.xp.clip(Xs, -20.0, 20.0))
        return exps / self._sum_of_own_sequence(exps, lengths)

    def backprop_softmax_sequences(self, dY: AnyArrayT, Y: Any, lengths: Any) -> AnyArrayT:
        """``Y * (dY - sum of Y * dY over the rows of the sequence)``, of the output Y."""
        check_same_shape("backprop_softmax_sequences", dY, Y)
        dX = Y * dY
        return dX - Y * self._sum_of_own_sequence(dX, lengths)

    def _sum_of_own_sequence(self, X: Any, lengths: Any) -> Any:  # (T, O) -> (T, O)
        sums = self.backprop_reduce_sum(self.reduce_sum(X, lengths), lengths)
        if sums.shape != X.shape:
            raise IndexError(
                f"lengths must sum up to the number of rows, {len(X)}, but their sum is {len(sums)}"
            )
        return sums

    def logloss(self, y_true: Any, y_pred: Any) -> Any:
        """Binary cross-entropy of each element: ``-(y * log(p + 1e-8) + (1 - y) * log(1 - p + 1e-8))``."""
        log = self.xp.log
        return -(y_true * log(y_pred + 1e-8) + (1 - y_true) * log(1 - y_pred + 1e-8))
