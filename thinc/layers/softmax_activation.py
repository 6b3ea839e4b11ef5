"""softmax_activation: softmax over the last axis, without weights."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import Floats2d
from ._gradients import fit_gradient


@registry.layers("softmax_activation.v1")
def softmax_activation() -> Model[Floats2d, Floats2d]:
    """Probabilities of classes that exclude one another: ``exp(X)``, normalized to a sum of 1 for each row.

    Unlike that of `Softmax`, the backward pass takes the gradient of the probabilities.
    """
    return Model("softmax_activation", forward)


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:
    ops = model.ops
    Y = ops.softmax(X)
    shape = Y.shape

    def backprop(dY: Floats2d) -> Floats2d:
        return ops.backprop_softmax(Y, fit_gradient(model, dY, shape))

    return Y, backprop
