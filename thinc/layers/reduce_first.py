"""reduce_first: the first row of each sequence."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import Floats2d, Ragged
from ._reduce import checked, sequences


@registry.layers("reduce_first.v1")
def reduce_first() -> Model[Ragged, Floats2d]:
    """Take the first row of each sequence.

    Returns
    -------
    Model
        From a Ragged of B sequences to (B, nO). None may be empty.
    """
    return Model("reduce_first", forward)


def forward(
    model: Model[Ragged, Floats2d], Xr: Ragged, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:
    ops = model.ops
    X, lengths = sequences(model, Xr)
    Y, starts_ends = ops.reduce_first(X, lengths)

    def backprop(dY: Floats2d) -> Floats2d:
        return ops.backprop_reduce_first(dY, starts_ends)

    return Y, checked(model, backprop, Y, Xr.lengths)
