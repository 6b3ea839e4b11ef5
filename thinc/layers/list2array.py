"""list2array: the items of a list, one after the other in a single array."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import Array2d
from ._gradients import refusal
from ._transfer import expect_list
from ._typing import TypeVar

ArrayT = TypeVar("ArrayT", bound=Array2d, default=Any)


@registry.layers("list2array.v1")
def list2array() -> Model[list[ArrayT], ArrayT]:
    """Concatenate the arrays of a list along their first axis."""
    return Model("list2array", forward)  # type: ignore[arg-type]  # forward is for all kinds


def forward(
    model: Model[list[Array2d], Array2d], Xs: list[Array2d], is_train: bool
) -> tuple[Array2d, Callable[..., Any]]:
    expect_list(model, Xs)
    ops = model.ops
    lengths = [len(X) for X in Xs]
    Y = ops.flatten(Xs)
    n_rows = len(Y)

    def backprop(dY: Array2d) -> "list[Array2d]":
        if type(dY) is list and not dY:  # type: ignore[comparison-overlap]  # a placeholder for "no gradient"
            return dY
        try:
            fits = dY.shape[0] == n_rows
        except (AttributeError, IndexError):
            fits = False
        if not fits:
            raise refusal(model, f"an array of {n_rows} rows", dY)
        return ops.unflatten(dY, lengths)

    return Y, backprop
