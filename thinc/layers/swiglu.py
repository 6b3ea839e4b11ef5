"""SwiGLU: a dense layer whose outputs are multiplied by swish of their gates."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import Floats2d
from ._gated import forward_gated, gated, init

__all__ = ["SwiGLU", "forward", "init"]


@registry.layers("SwiGLU.v1")
def SwiGLU(
    nO: int | None = None,
    nI: int | None = None,
    *,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
    dropout: float | None = None,
    normalize: bool = False,
) -> Model[Floats2d, Floats2d]:
    """Gated linear units with swish (Shazeer, 2020, arXiv:2002.05202), ``(X Vᵀ + c) · swish(X Wᵀ + b)``.

    Parameters
    ----------
    nO, nI
        Widths of output and input; inferred from the samples at `Model.initialize` where they are None.
    init_W, init_b
        Initializers ``f(ops, shape)`` of the weights, (nO, nI) for the values and for the gates, which are kept as one
        parameter (2, nO, nI), and of the biases: `glorot_uniform_init` and `zero_init` if None.
    dropout
        Rate of a `Dropout` layer behind it; None for none, 0.0 for one that is off.
    normalize
        Put a `LayerNorm` behind it, before the dropout.

    Returns
    -------
    Model
        From (B, nI) to (B, nO), float32 or float64 like its parameters.
    """
    return gated("swiglu", forward, nO, nI, init_W, init_b, dropout, normalize)


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:
    return forward_gated(model, X, is_train, "_swiglu")
