"""What backward passes take: a gradient that is like the output, or an error that says whose it is."""

from typing import Any

import numpy

from .._util.explain import describe
from ..model import Model

FLOAT32 = numpy.dtype("float32")


def fit_gradient(model: Model[Any, Any], dY: Any, shape: tuple[int, ...], kinds: str = "f") -> Any:
    """Return the gradient ``dY`` of an array; that of an empty batch gets its width back.

    Raises
    ------
    ValueError
        Unless it is an array with the shape of the output, and a dtype of these kinds: floats.
    """
    try:
        dtype = dY.dtype
        if dtype is FLOAT32 or dtype.kind in kinds:
            if dY.shape == shape:
                return dY
            if shape[:1] == dY.shape[:1] == (0,) and dY.ndim == len(shape) and 0 in (shape[-1], dY.shape[-1]):
                return dY.reshape(shape)  # one of them has lost its width, as a flattened empty list has
    except AttributeError:  # no array at all
        pass
    raise refusal(model, f"floats of shape {shape}", dY)


def fit_gradient_exactly(model: Model[Any, Any], dY: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Like `fit_gradient`, for a gradient that has to have the dtype of the output, too."""
    try:
        if dY.shape == shape and dY.dtype == dtype:
            return dY
    except AttributeError:
        pass
    dY = fit_gradient(model, dY, shape)
    if dY.dtype != dtype:
        raise ValueError(
            f"{model.name}: Type mismatch in backprop: expected a gradient like the output, Y: {dtype}, "
            f"but got dY: {dY.dtype}."
        )
    return dY


def expect_gradients(model: Model[Any, Any], dYs: Any, n: int) -> None:
    """Raise a ValueError unless the gradient is a list with an item for each of the output's, or without any."""
    if not isinstance(dYs, (list, tuple)) or len(dYs) not in (n, 0):
        raise refusal(model, f"a list of {n} arrays", dYs)


def refusal(model: Model[Any, Any], expected: str, dY: Any) -> ValueError:
    """Return the error for a gradient that is not like the output."""
    return ValueError(
        f"{model.name}: Shape mismatch in backprop: expected a gradient like the output, Y: {expected}, "
        f"but got dY: {describe(dY)}."
    )
