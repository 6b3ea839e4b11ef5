"""What the pooling layers share: the checks of the lengths and the gradient."""

from typing import Any, Callable

import numpy

from .._util.array_info import ArrayInfo
from ..model import Model
from ..types import Floats2d, Ints1d, Ragged
from ._batches import rows_of

INT32 = numpy.dtype("int32")


def sequences(model: Model, Xr: Ragged) -> tuple[Floats2d, Ints1d]:
    """Return the data (T, nO), which keeps its width when it is empty, and the lengths, int32 (B,)."""
    ops = model.ops
    lengths: Any = Xr.lengths
    if lengths.dtype is not INT32:
        lengths = ops.asarray1i(lengths)
    data: Any = Xr.data if Xr.data.size else rows_of(Xr)
    n_rows = ops._count_rows(lengths)
    if n_rows != data.shape[0]:
        raise IndexError(
            f"{model.name}: lengths must sum up to the number of rows, "
            f"but the lengths sum up to {n_rows}, and there are {data.shape[0]} rows."
        )
    return data, lengths


def checked(backprop: Callable, Y: Floats2d, lengths: Ints1d) -> Callable:
    """Check gradients against the output and put what ``backprop`` makes of them into a Ragged."""

    def backprop_checked(dY: Floats2d) -> Ragged:
        if dY.shape != Y.shape or dY.dtype != Y.dtype:
            ArrayInfo.from_array(Y).check_consistency(dY)
        return Ragged(backprop(dY), lengths)

    return backprop_checked
