"""reduce_sum: the sum of the rows of each sequence."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import Floats2d, Ragged
from ._reduce import checked, sequences


@registry.layers("reduce_sum.v1")
def reduce_sum() -> Model[Ragged, Floats2d]:
    """Take the sum of the rows of each sequence.

    Returns
    -------
    Model
        From a Ragged of B sequences to (B, nO). Empty sequences give zeros.
    """
    return Model("reduce_sum", forward)


def forward(
    model: Model[Ragged, Floats2d], Xr: Ragged, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:
    ops = model.ops
    X, lengths = sequences(model, Xr)
    Y = ops.reduce_sum(X, lengths)

    def backprop(dY: Floats2d) -> Floats2d:
        return ops.backprop_reduce_sum(dY, lengths)

    return Y, checked(model, backprop, Y, Xr.lengths)
