"""Distances between vectors: L2, Huber and cosine."""

from typing import TYPE_CHECKING, Any

from ._loss_base import FusedLoss, check_setting, choose_kernel, has_kernel, row_scale
from ._util.arrays import get_array_module, is_xp_array, widen
from .backends._cuda import losses as gpu_losses
from .config import registry
from .kernels._log_losses import huber_loss
from .kernels.losses import cosine_gradient, squared_error_gradient
from .types import Floats2d, FloatsT, FloatsXd


class L2Distance(FusedLoss[FloatsXd, FloatsXd, FloatsXd, float]):
    """Squared error: the gradient is ``guesses - truths``, the loss the sum of its squares.

    Parameters
    ----------
    normalize : bool
        Divide the gradient by the number of rows.
    """

    def __init__(self, *, normalize: bool = True):
        self.normalize = normalize

    def __call__(self, guesses: FloatsT, truths: FloatsT) -> tuple[FloatsT, float]:
        """Gradient and loss.

        Parameters
        ----------
        guesses, truths : array, of the same shape

        Raises
        ------
        ValueError
            If the shapes differ, or these are no arrays.
        """
        return super().__call__(guesses, truths)  # type: ignore[return-value]

    if TYPE_CHECKING:  # the base class would not say that what comes out is what went in

        def get_grad(self, guesses: FloatsT, truths: FloatsT) -> FloatsT: ...

    def _compute(self, guesses: Any, truths: Any) -> tuple[Any, Any]:
        """Gradient, loss."""
        check_arrays("L2 distance", guesses, truths, 1 if self.normalize else 0)
        kernel = choose_kernel(squared_error_gradient, gpu_losses.squared_error_gradient, guesses, truths)
        if kernel is not None:
            scale = 1 / len(guesses) if self.normalize and len(guesses) else 1.0
            gradient, loss = kernel(guesses, truths, scale)
            return gradient, gradient.dtype.type(loss)
        gradient = _subtract(guesses, truths)
        if self.normalize:
            gradient = gradient / guesses.shape[0]
        return gradient, (widen(gradient) ** 2).sum()


class HuberLoss(FusedLoss[FloatsXd, FloatsXd, FloatsXd, float]):
    """Squared error of small differences, absolute error of large ones (Huber 1964).

    With the difference ``r = guesses - truths``, the gradient is r limited to the range from ``-delta`` to
    ``delta``, and the loss the sum of ``r**2 / 2`` where it lies within, ``delta * (abs(r) - delta / 2)`` elsewhere.

    Parameters
    ----------
    normalize : bool
        Divide gradient and loss by the number of rows.
    delta : float
        Above 0.
    """

    def __init__(self, *, normalize: bool = True, delta: float = 1.0):
        self.normalize = normalize
        self.delta = check_setting("HuberLoss", "delta", delta, 0, above=True)

    def __call__(self, guesses: FloatsT, truths: FloatsT) -> tuple[FloatsT, float]:
        """Gradient and loss.

        Parameters
        ----------
        guesses, truths : array, of the same shape

        Raises
        ------
        ValueError
            If the shapes differ, or these are no arrays.
        """
        return super().__call__(guesses, truths)  # type: ignore[return-value]

    if TYPE_CHECKING:  # as for `L2Distance`

        def get_grad(self, guesses: FloatsT, truths: FloatsT) -> FloatsT: ...

    def _compute(self, guesses: Any, truths: Any) -> tuple[Any, Any]:
        check_arrays("HuberLoss", guesses, truths, 1 if self.normalize else 0)
        scale = row_scale(guesses, self.normalize)
        if has_kernel(guesses) and has_kernel(truths) and guesses.dtype == truths.dtype:
            gradient, loss = huber_loss(guesses, truths, self.delta, scale)
            return gradient, gradient.dtype.type(loss)
        xp = get_array_module(guesses)
        difference = _subtract(guesses, truths)
        slope = xp.clip(difference, -self.delta, self.delta)
        gradient, slope = slope * scale, widen(slope)
        return gradient, (slope * (difference - slope / 2)).sum() * scale


class CosineDistance(FusedLoss[Floats2d, Floats2d, Floats2d, float]):
    """Cosine distance of the rows: the loss is the sum of ``|cos - 1|``.

    Parameters
    ----------
    normalize : bool
        Divide gradient and loss by the number of rows.
    ignore_zeros : bool
        Leave out rows whose truth is all zero.
    """

    def __init__(self, *, normalize: bool = True, ignore_zeros: bool = False):
        self.normalize = normalize
        self.ignore_zeros = ignore_zeros

    def __call__(self, guesses: Floats2d, truths: Floats2d) -> tuple[Floats2d, float]:
        """Gradient and loss.

        Parameters
        ----------
        guesses, truths : array, shape ``(N, width)``

        Raises
        ------
        ValueError
            If the shapes differ, or these are no arrays of rows.
        """
        return super().__call__(guesses, truths)

    def get_similarity(self, guesses: Floats2d, truths: Floats2d) -> Floats2d:
        """Cosine of the angle between guess and truth per row, shape ``(N, 1)``."""
        return self._compute_all(guesses, truths)[2]

    def _compute(self, guesses: Any, truths: Any) -> tuple[Any, Any]:
        return self._compute_all(guesses, truths)[:2]

    def _compute_all(self, guesses: Any, truths: Any) -> tuple[Any, Any, Any]:
        """Gradient, loss, similarity."""
        check_arrays("cosine distance", guesses, truths, 2)
        scale = 1 / len(guesses) if self.normalize and len(guesses) else 1.0
        kernel = choose_kernel(cosine_gradient, gpu_losses.cosine_gradient, guesses, truths)
        if kernel is not None and guesses.ndim == 2:
            gradient, cosine, loss = kernel(guesses, truths, scale, self.ignore_zeros)
            return gradient, gradient.dtype.type(loss), cosine
        return self._compute_by_formulas(guesses, truths, scale)

    def _compute_by_formulas(self, guesses: Any, truths: Any, scale: float) -> tuple[Any, Any, Any]:
        xp = get_array_module(guesses)
        a, b = widen(guesses) + 1e-8, widen(truths) + 1e-8  # which float16 cannot hold
        norm_a = xp.linalg.norm(a, axis=1, keepdims=True)
        norm_b = xp.linalg.norm(b, axis=1, keepdims=True)
        cosine = (a * b).sum(axis=1, keepdims=True) / (norm_a * norm_b)
        gradient = -(b / (norm_a * norm_b) - cosine * a / norm_a**2)
        distance = xp.abs(cosine - 1)
        if self.ignore_zeros:
            zero = ~truths.any(axis=1)
            gradient[zero] = 0
            distance[zero] = 0
        return gradient * scale, distance.sum() * scale, cosine


def _subtract(guesses: Any, truths: Any) -> Any:
    """The difference; of unsigned numbers, which would wrap around, and of bools it is that of integers."""
    are_unsigned = guesses.dtype.kind in "ub" and truths.dtype.kind in "ub"
    return (guesses.astype("int64") if are_unsigned else guesses) - truths


def check_arrays(what: str, guesses: Any, truths: Any, min_ndim: int) -> None:
    """Raise a ValueError unless these are arrays of one shape."""
    for array in (guesses, truths):
        if not is_xp_array(array) or array.ndim < min_ndim:
            got = f"shape {array.shape}" if is_xp_array(array) else f"{type(array)}"
            raise ValueError(
                f"Cannot calculate {what}: expected two arrays with at least {min_ndim} dimensions, but got {got}"
            )
    if guesses.shape != truths.shape:
        raise ValueError(
            f"Cannot calculate {what}: mismatched shapes: guesses are {guesses.shape}, truths {truths.shape}"
        )


@registry.losses("L2Distance.v1")
def configure_L2Distance(*, normalize: bool = True) -> L2Distance:
    """`L2Distance`."""
    return L2Distance(normalize=normalize)


@registry.losses("HuberLoss.v1")
def configure_HuberLoss(*, normalize: bool = True, delta: float = 1.0) -> HuberLoss:
    """`HuberLoss`."""
    return HuberLoss(normalize=normalize, delta=delta)


@registry.losses("CosineDistance.v1")
def configure_CosineDistance(*, normalize: bool = True, ignore_zeros: bool = False) -> CosineDistance:
    """`CosineDistance`."""
    return CosineDistance(normalize=normalize, ignore_zeros=ignore_zeros)
