"""Gradients of losses with their scalars on the GPU, as `thinc.kernels.losses` has them for the CPU.

Arrays of guesses are float32 or float64, and the loss is a float.
"""

from typing import Any

from ..._util.arrays import get_array_module
from .launch import WARP, launch


def labels_gradient(
    guesses: Any, codes: Any, gold: float, other: float, scale: float
) -> tuple[Any, float, int]:
    """Cross-entropy from labels: see `thinc.kernels.losses.labels_gradient`, which takes several arrays at once.

    Parameters
    ----------
    guesses : array, shape ``(..., n_classes)``
    codes : numpy.ndarray of int64, one for each row
    gold, other : float
        Target of the labelled class and of every other one.
    scale : float
        Factor of the gradient.

    Returns
    -------
    gradient, loss, flags
    """
    X, gradient, losses, rows, columns = _prepare(guesses)
    xp = get_array_module(guesses)
    flags = xp.zeros((1,), dtype="int32")
    settings = (rows, columns, float(gold), float(other), float(scale))
    launch("cross_entropy_labels", X, rows * WARP, gradient, losses, flags, X, xp.asarray(codes), *settings)
    return gradient, float(losses.sum()), int(flags[0])


def squared_error_gradient(guesses: Any, truths: Any, scale: float) -> tuple[Any, float]:
    """``(guesses - truths) * scale`` of arrays of one shape, and the sum of its squares."""
    X, gradient, losses, rows, columns = _prepare(guesses)
    truths = get_array_module(guesses).ascontiguousarray(truths)
    launch("squared_error", X, rows * WARP, gradient, losses, X, truths, rows, columns, float(scale))
    return gradient, float(losses.sum())


def cosine_gradient(guesses: Any, truths: Any, scale: float, ignore_zeros: bool) -> tuple[Any, Any, float]:
    """Gradient ``(N, width)``, cosines ``(N, 1)`` and loss of the cosine distance of rows."""
    X, gradient, losses, rows, columns = _prepare(guesses)
    xp = get_array_module(guesses)
    cosines = xp.empty((rows, 1), dtype=X.dtype)
    settings = (rows, columns, float(scale), int(ignore_zeros))
    arrays = (gradient, cosines, losses, X, xp.ascontiguousarray(truths))
    launch("cosine_distance", X, rows * WARP, *arrays, *settings)
    return gradient, cosines, float(losses.sum())


def _prepare(guesses: Any) -> tuple[Any, Any, Any, int, int]:
    """Contiguous guesses, a gradient and a loss for each row to be filled, and the numbers of rows and columns."""
    xp = get_array_module(guesses)
    X = xp.ascontiguousarray(guesses).reshape(guesses.shape)  # NumPy makes a row of a single number
    columns = X.shape[-1] if X.ndim else 1
    rows = X.size // columns if columns else 0
    return X, xp.empty_like(X), xp.zeros((rows,), dtype=X.dtype), rows, columns
