"""sigmoid_activation: Y = σ(X), without weights."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import FloatsXd, FloatsXdT
from ._gradients import fit_gradient
from ._typing import TypeVar

FloatsT = TypeVar("FloatsT", bound=FloatsXd, default=Any)


@registry.layers("sigmoid_activation.v1")
def sigmoid_activation() -> Model[FloatsT, FloatsT]:
    """Independent probabilities, ``1 / (1 + exp(-X))``, of an array with any number of dimensions."""
    return Model("sigmoid_activation", forward)


def forward(
    model: Model[FloatsXdT, FloatsXdT], X: FloatsXdT, is_train: bool
) -> tuple[FloatsXdT, Callable[..., Any]]:
    ops = model.ops
    shape = X.shape
    Y = ops.sigmoid(X)

    def backprop(dY: FloatsXdT) -> FloatsXdT:
        try:
            fits = dY.shape == shape and dY.dtype == Y.dtype
        except AttributeError:
            fits = False
        return ops.backprop_sigmoid(dY if fits else fit_gradient(model, dY, shape), Y)

    return Y, backprop
