"""The engine of the gated layers, Y = (X Vᵀ + c) · f(X Wᵀ + b): both products as one."""

from functools import partial
from typing import Any, Callable

from .._util.constants import is_constant
from ..initializers import glorot_uniform_init, zero_init
from ..model import Model
from ..types import Floats2d
from ._affine import affine, backprop_affine
from ._dense import finished
from ._gradients import fit_gradient
from ._widths import set_widths


def gated(
    name: str,
    forward: Callable[..., Any],
    nO: int | None,
    nI: int | None,
    init_W: Callable[..., Any] | None,
    init_b: Callable[..., Any] | None,
    dropout: float | None,
    normalize: bool,
) -> Model[Floats2d, Floats2d]:
    """Build a gated node, and behind it, where asked for, layer normalization and then dropout."""
    return finished(
        Model(
            name,
            forward,
            init=partial(init, init_W or glorot_uniform_init, init_b or zero_init),
            dims={"nO": nO, "nI": nI},
            params={"W": None, "b": None},
        ),
        nO,
        dropout,
        normalize,
    )


def forward_gated(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool, name: str
) -> tuple[Floats2d, Callable[..., Any]]:  # X: (B, nI), Y: (B, nO)
    """Run the layer with the operation of that name, and of ``_backprop`` and that name."""
    ops = model.ops
    weights: Any = model.get_param("W")
    W = weights.reshape((2 * weights.shape[1], weights.shape[2]))
    b = model.get_param("b").reshape(-1)
    wants_dX = not is_constant(X)
    A: Any = affine(model, X, W, b)  # (B, 2 nO)
    Y = getattr(ops, name)(A)
    shape = Y.shape
    if not is_train:
        A = None  # the rare backward pass of a prediction computes it again

    def backprop(dY: Floats2d) -> Floats2d:
        dY = fit_gradient(model, dY, shape)
        dA = getattr(ops, "_backprop" + name)(dY, affine(model, X, W, b) if A is None else A)
        return backprop_affine(model, dA, X, W, wants_dX)

    return Y, backprop


def init(
    init_W: Callable[..., Any],
    init_b: Callable[..., Any],
    model: Model[Floats2d, Floats2d],
    X: Floats2d | None = None,
    Y: Floats2d | None = None,
) -> None:
    """Take nI and nO from the samples; draw the weights of the values, those of the gates, and both biases."""
    set_widths(model, nI=X, nO=Y)
    ops, nO, nI = model.ops, model.get_dim("nO"), model.get_dim("nI")
    W = ops.xp.stack([init_W(ops, (nO, nI)) for _ in range(2)])
    b = ops.xp.stack([init_b(ops, (nO,)) for _ in range(2)])
    model.set_param("W", W)
    model.set_param("b", b)
