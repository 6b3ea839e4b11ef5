"""Dish: a dense layer, Y = A (A / √(1 + A²) + 1) / 2 with A = X Wᵀ + b."""

from typing import Any, Callable

from ..config import registry
from ..initializers import he_normal_init
from ..model import Model
from ..types import Floats2d
from ._dense import Activation, dense, forward_activation, init

ACTIVATION = Activation("dish", reads="A")


@registry.layers("Dish.v1")
def Dish(
    nO: int | None = None,
    nI: int | None = None,
    *,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
    dropout: float | None = None,
    normalize: bool = False,
) -> Model[Floats2d, Floats2d]:
    """Dish units, ``A (A / √(1 + A²) + 1) / 2``: close to Swish and Gelu, but without exponentials.

    Parameters
    ----------
    nO, nI
        Widths of output and input; inferred from the samples at `Model.initialize` where they are None.
    init_W, init_b
        Initializers ``f(ops, shape)`` of the weights (nO, nI) and the bias (nO,): `he_normal_init` and
        `zero_init` if None.
    dropout
        Rate of a `Dropout` layer behind it; None for none, 0.0 for one that is off.
    normalize
        Put a `LayerNorm` behind it, before the dropout.

    Returns
    -------
    Model
        From (B, nI) to (B, nO), float32 or float64 like its parameters.
    """
    init_W = init_W or he_normal_init
    return dense("dish", forward, init, nO, nI, init_W, init_b, dropout=dropout, normalize=normalize)


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:  # X: (B, nI), Y: (B, nO)
    return forward_activation(model, X, is_train, ACTIVATION)
