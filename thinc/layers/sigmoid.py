"""Sigmoid: a dense layer, Y = σ(X Wᵀ + b)."""

from typing import Any, Callable

from ..config import registry
from ..initializers import zero_init
from ..model import Model
from ..types import Floats2d
from ._dense import Activation, dense, forward_activation, init_unset as init

ACTIVATION = Activation("sigmoid", reads="Y")


@registry.layers("Sigmoid.v1")
def Sigmoid(
    nO: int | None = None,
    nI: int | None = None,
    *,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
) -> Model[Floats2d, Floats2d]:
    """Independent probabilities, ``1 / (1 + exp(-A))``, for labels that do not exclude one another.

    Parameters
    ----------
    nO, nI
        Widths of output and input; inferred from the samples at `Model.initialize` where they are None.
    init_W, init_b
        Initializers ``f(ops, shape)`` of the weights (nO, nI) and the bias (nO,): `zero_init` if None.

    Returns
    -------
    Model
        From (B, nI) to (B, nO), float32 or float64 like its parameters.
    """
    return dense("sigmoid", forward, init, nO, nI, init_W or zero_init, init_b)


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:  # X: (B, nI), Y: (B, nO)
    return forward_activation(model, X, is_train, ACTIVATION)
