"""What the pooling layers share: the checks of the lengths and the gradient."""

from typing import Any, Callable

import numpy

from ..model import Model
from ..types import Floats2d, Ints1d, Ragged
from ._batches import rows_of
from ._gradients import fit_gradient_exactly
from ._kinds import as_lengths, expect_kind

INT32 = numpy.dtype("int32")


def sequences(model: Model[Any, Any], Xr: Ragged) -> tuple[Floats2d, Ints1d]:
    """Return the data (T, nO), which keeps its width when it is empty, and the lengths, int32 (B,)."""
    if not isinstance(Xr, Ragged):
        expect_kind(model, Ragged, Xr)
    ops = model.ops
    lengths: Any = Xr.lengths
    if getattr(lengths, "dtype", None) is not INT32:
        lengths = as_lengths(model, lengths)
    data: Any = Xr.data if Xr.data.size else rows_of(Xr)
    n_rows = ops._count_rows(lengths)
    if n_rows != data.shape[0]:
        raise IndexError(
            f"{model.name}: lengths must sum up to the number of rows, "
            f"but the lengths sum up to {n_rows}, and there are {data.shape[0]} rows."
        )
    return data, lengths


def checked(
    model: Model[Any, Any], backprop: Callable[..., Any], Y: Any, lengths: Ints1d
) -> Callable[..., Any]:
    """Check gradients against the output and put what ``backprop`` makes of them into a Ragged."""

    def backprop_checked(dY: Floats2d) -> Ragged:
        try:
            fits = dY.shape == Y.shape and dY.dtype == Y.dtype
        except AttributeError:
            fits = False
        if not fits:
            dY = fit_gradient_exactly(model, dY, Y.shape, Y.dtype)
        return Ragged(backprop(dY), lengths)

    return backprop_checked
