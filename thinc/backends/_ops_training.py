"""What an optimizer does to a parameter."""

from typing import Any

from ._ops_arrays import ArrayOps


class TrainingOps(ArrayOps):
    """Parameter updates, in place."""

    def adam(
        self,
        weights: Any,
        gradient: Any,
        mom1: Any,
        mom2: Any,
        beta1: float,
        beta2: float,
        eps: float,
        learn_rate: float,
        mod_rate: float = 1.0,
    ) -> tuple[Any, Any, Any, Any]:
        """One step of Adam (Kingma and Ba 2015); changes all four arrays and sets the gradient to zero.

        ``mom1 = beta1 * mom1 + (1 - beta1) * g``, ``mom2 = beta2 * mom2 + (1 - beta2) * g**2``,
        ``weights -= learn_rate * mom1 / (sqrt(mom2) + eps)``.

        Parameters
        ----------
        weights, gradient, mom1, mom2
            Float arrays of the same shape.
        learn_rate
            With the bias correction included.
        mod_rate
            Has no effect.

        Returns
        -------
        The four arrays.

        Raises
        ------
        ValueError
            If the shapes differ, or an array is read-only or not of floats.
        """
        arrays = (weights, gradient, mom1, mom2)
        if len({array.shape for array in arrays}) > 1:
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise ValueError(
                f"adam: arrays have incompatible shapes {shapes}; weights, gradient and moments must be alike"
            )
        for array in arrays:
            if not getattr(array.flags, "writeable", True):  # CuPy's arrays have no such flag
                raise ValueError("adam: cannot change a read-only array in place; pass a copy")
            if array.dtype.kind != "f":
                raise ValueError(f"adam: expected arrays of floats, got {array.dtype}")
        # What may fail comes before the first change.
        beta1, beta2, eps, learn_rate = float(beta1), float(beta2), float(eps), float(learn_rate)
        mom1 *= beta1
        mom1 += gradient * (1.0 - beta1)
        mom2 *= beta2
        mom2 += gradient * gradient * (1.0 - beta2)
        weights -= learn_rate * mom1 / (self.xp.sqrt(mom2) + eps)
        gradient[...] = 0
        return weights, gradient, mom1, mom2

    def clip_gradient(self, gradient: Any, threshold: float) -> Any:
        """Scale the gradient in place so that its Euclidean norm is at most `threshold`, and return it.

        Raises
        ------
        ValueError
            If the threshold is negative, which would turn the gradient round.
        """
        if threshold < 0:
            raise ValueError(f"clip_gradient: the threshold must be at least 0, got {threshold}")
        # In the gradient's own type squares overflow long before the numbers do: in float16 beyond a norm of 256.
        norm = float(self.xp.linalg.norm(gradient.astype("float64")))
        if norm >= threshold and norm > 0:
            gradient *= threshold / norm
        return gradient

    def update_averages(self, ema: Any, weights: Any, t: int, max_decay: float = 0.9999) -> None:
        """Move the running average `ema` towards `weights`, in place.

        ``ema -= (1 - d) * (ema - weights)`` with ``d = min((1 + t) / (10 + t), max_decay)``, at step t.
        """
        decay = min((1.0 + t) / (10.0 + t), max_decay)
        ema -= (1.0 - decay) * (ema - weights)
