"""Linear: Y = X Wᵀ + b."""

from typing import Any, Callable

from .._util.constants import is_constant
from ..config import registry
from ..initializers import glorot_uniform_init
from ..model import Model
from ..types import Floats2d
from ._affine import affine, backprop_affine
from ._dense import dense, init
from ._gradients import fit_gradient


@registry.layers("Linear.v1")
def Linear(
    nO: int | None = None,
    nI: int | None = None,
    *,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
) -> Model[Floats2d, Floats2d]:
    """Multiply the input by a matrix of weights and add a bias.

    Parameters
    ----------
    nO, nI
        Widths of output and input; inferred from the samples at `Model.initialize` where they are None.
    init_W, init_b
        Initializers ``f(ops, shape)`` of the weights (nO, nI) and the bias (nO,): `glorot_uniform_init` and
        `zero_init` if None.

    Returns
    -------
    Model
        From (B, nI) to (B, nO), float32 or float64 like its parameters.
    """
    return dense("linear", forward, init, nO, nI, init_W or glorot_uniform_init, init_b)


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:  # X: (B, nI), Y: (B, nO)
    W = model.get_param("W")
    wants_dX = not is_constant(X)
    Y = affine(model, X, W, model.get_param("b"))
    shape = Y.shape

    def backprop(dY: Floats2d) -> Floats2d:
        return backprop_affine(model, fit_gradient(model, dY, shape), X, W, wants_dX)

    return Y, backprop
