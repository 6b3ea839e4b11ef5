"""Class labels to one-hot rows."""

from typing import Any, overload

from ..types import Floats2d, Floats3d, Floats4d, FloatsXd, Ints1d, Ints2d, Ints3d, IntsXd
from .arrays import get_array_module


@overload
def to_categorical(Y: Ints1d, n_classes: int | None = None, *, label_smoothing: float = 0.0) -> Floats2d: ...
@overload
def to_categorical(Y: Ints2d, n_classes: int | None = None, *, label_smoothing: float = 0.0) -> Floats3d: ...
@overload
def to_categorical(Y: Ints3d, n_classes: int | None = None, *, label_smoothing: float = 0.0) -> Floats4d: ...
@overload
def to_categorical(Y: IntsXd, n_classes: int | None = None, *, label_smoothing: float = 0.0) -> FloatsXd: ...
def to_categorical(Y: IntsXd, n_classes: int | None = None, *, label_smoothing: float = 0.0) -> FloatsXd:
    """One-hot rows for class labels, optionally smoothed.

    The gold class gets ``1 - s``, each of the others ``s / (n - 1)`` (Szegedy et al. 2016,
    https://arxiv.org/abs/1512.00567, section 7).

    Parameters
    ----------
    Y : array of integers, any shape
    n_classes : int, optional
        n, by default the largest label plus one.
    label_smoothing : float
        s, at least 0 and less than ``(n - 1) / n``.

    Returns
    -------
    array of float32, shape ``Y.shape + (n,)``

    Raises
    ------
    ValueError
        If there is no class, or if the smoothing does not fit their number.
    IndexError
        If the labels are no integers, or one is negative or not below `n_classes`.
    """
    xp = get_array_module(Y)
    if Y.dtype.kind not in "iub" and Y.size:
        raise IndexError(f"to_categorical takes an array of integers, but got {Y.dtype}; cast it")
    labels = Y.astype("int64").ravel()
    largest = int(labels.max()) if labels.size else -1
    n = largest + 1 if n_classes is None else n_classes
    gold, rest = _smoothed_values(n, label_smoothing)
    if labels.size and (largest >= n or int(labels.min()) < 0):
        wrong = int(labels.min()) if largest < n else largest
        raise IndexError(
            f"to_categorical got the label {wrong}, but labels go from 0 to n_classes - 1 = {n - 1}"
        )
    rows: Any = xp.full((labels.size, n), rest, dtype="float32")
    rows[xp.arange(labels.size), labels] = gold
    return rows.reshape((*Y.shape, n))


def _smoothed_values(n: int, s: float) -> tuple[float, float]:
    """What the gold class and each of the others get."""
    if not s >= 0:  # NaN too
        raise ValueError(f"label_smoothing parameter should be greater than or equal to 0, but found {s}")
    if s == 0:
        if n <= 0:
            raise ValueError(f"n_classes should be at least 1, but found {n}")
        return 1.0, 0.0
    if n < 2:
        raise ValueError(f"n_classes should be greater than 1 when label smoothing is enabled, but {n}")
    if s >= (n - 1) / n:
        raise ValueError(
            f"label_smoothing parameter {s} should be less than (n_classes - 1) / n_classes = {(n - 1) / n} "
            f"for {n} classes: else the gold class would not get the largest value"
        )
    return 1.0 - s, s / (n - 1)
