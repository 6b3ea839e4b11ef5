"""reduce_last: the last row of each sequence."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import Floats2d, Ragged
from ._reduce import checked, sequences


@registry.layers("reduce_last.v1")
def reduce_last() -> Model[Ragged, Floats2d]:
    """Take the last row of each sequence.

    Returns
    -------
    Model
        From a Ragged of B sequences to (B, nO). None may be empty.
    """
    return Model("reduce_last", forward)


def forward(
    model: Model[Ragged, Floats2d], Xr: Ragged, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:
    ops = model.ops
    X, lengths = sequences(model, Xr)
    Y, lasts = ops.reduce_last(X, lengths)

    def backprop(dY: Floats2d) -> Floats2d:
        return ops.backprop_reduce_last(dY, lasts)

    return Y, checked(model, backprop, Y, Xr.lengths)
