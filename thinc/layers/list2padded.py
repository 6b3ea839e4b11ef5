"""list2padded: the items of a list as one Padded batch, time step by time step."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import List2d, Padded
from ._gradients import refusal
from ._transfer import expect_list


@registry.layers("list2padded.v1")
def list2padded() -> Model[List2d, Padded]:
    """Put sequences of different lengths into one array (steps, B, nO), longest first, padded with zeros."""
    return Model("list2padded", forward)


def forward(model: Model[List2d, Padded], Xs: List2d, is_train: bool) -> tuple[Padded, Callable[..., Any]]:
    expect_list(model, Xs)
    ops = model.ops

    def backprop(dY: Padded) -> List2d:
        if not isinstance(dY, Padded):
            raise refusal(model, "a Padded", dY)
        return ops.padded2list(dY)

    return ops.list2padded(Xs), backprop
