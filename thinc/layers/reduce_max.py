"""reduce_max: the largest value of each column of each sequence."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import Floats2d, Ragged
from ._reduce import checked, sequences


@registry.layers("reduce_max.v1")
def reduce_max() -> Model[Ragged, Floats2d]:
    """Take the largest value of each column of each sequence; its gradient goes to the first such row.

    Returns
    -------
    Model
        From a Ragged of B sequences to (B, nO). None may be empty.
    """
    return Model("reduce_max", forward)


def forward(
    model: Model[Ragged, Floats2d], Xr: Ragged, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:
    ops = model.ops
    X, lengths = sequences(model, Xr)
    Y, which = ops.reduce_max(X, lengths)

    def backprop(dY: Floats2d) -> Floats2d:
        return ops.backprop_reduce_max(dY, which, lengths)

    return Y, checked(model, backprop, Y, Xr.lengths)
