"""Maxout: a dense layer that keeps the largest of nP pieces per output, Y = max_p (X W_pᵀ + b_p)."""

from typing import Any, Callable

from .._util.constants import is_constant
from ..config import registry
from ..initializers import glorot_uniform_init
from ..model import Model
from ..types import Floats2d
from ._affine import add_gradients
from ._batches import with_width
from ._dense import dense, init
from ._gradients import fit_gradient


@registry.layers("Maxout.v1")
def Maxout(
    nO: int | None = None,
    nI: int | None = None,
    nP: int | None = 3,
    *,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
    dropout: float | None = None,
    normalize: bool = False,
) -> Model[Floats2d, Floats2d]:
    """Maxout units (Goodfellow et al., 2013, arXiv:1302.4389); the first of equal pieces wins.

    Parameters
    ----------
    nO, nI
        Widths of output and input; inferred from the samples at `Model.initialize` where they are None.
    nP
        Pieces per output. Never inferred.
    init_W, init_b
        Initializers ``f(ops, shape)`` of the weights (nO, nP, nI) and the bias (nO, nP):
        `glorot_uniform_init` and `zero_init` if None.
    dropout
        Rate of a `Dropout` layer behind it; None for none, 0.0 for one that is off.
    normalize
        Put a `LayerNorm` behind it, before the dropout.

    Returns
    -------
    Model
        From (B, nI) to (B, nO), float32 or float64 like its parameters.
    """
    return dense(
        "maxout",
        forward,
        init,
        nO,
        nI,
        init_W or glorot_uniform_init,
        init_b,
        more_dims={"nP": nP},
        dropout=dropout,
        normalize=normalize,
    )


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:  # X: (B, nI), Y: (B, nO)
    ops = model.ops
    W: Any = model.get_param("W")
    wants_dX = not is_constant(X)
    X = with_width(X, W.shape[2], W)
    Y, which = ops._maxout_dense(X, W, model.get_param("b"))
    shape = Y.shape

    def backprop(dY: Floats2d) -> Floats2d:
        dY = fit_gradient(model, dY, shape)
        return add_gradients(model, ops._backprop_maxout_dense, wants_dX, dY, which, X, W)

    return Y, backprop
