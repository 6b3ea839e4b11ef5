"""What the pooling layers share: the checks of the lengths and the gradient."""

from typing import Callable

from .._util.array_info import ArrayInfo
from ..model import Model
from ..types import Floats2d, Ints1d, Ragged
from ._batches import rows_of


def sequences(model: Model, Xr: Ragged) -> tuple[Floats2d, Ints1d]:
    """Return the data (T, nO), which keeps its width when it is empty, and the lengths, int32 (B,)."""
    lengths = model.ops.asarray1i(Xr.lengths)
    data = rows_of(Xr)
    n_rows = int(lengths.sum())
    if n_rows != data.shape[0]:
        raise IndexError(
            f"{model.name}: lengths must sum up to the number of rows, "
            f"but the lengths sum up to {n_rows}, and there are {data.shape[0]} rows."
        )
    return data, lengths


def checked(backprop: Callable, Y: Floats2d, lengths: Ints1d) -> Callable:
    """Check gradients against the output and put what ``backprop`` makes of them into a Ragged."""
    shape, dtype = Y.shape, Y.dtype

    def backprop_checked(dY: Floats2d) -> Ragged:
        ArrayInfo(shape, dtype).check_consistency(dY)
        return Ragged(backprop(dY), lengths)

    return backprop_checked
