"""CauchySimilarity: a learned similarity of two vectors, Y = 1 / (1 + Σ W (X1 - X2)²)."""

from typing import Any, Callable, Tuple

from ..config import registry
from ..model import Model
from ..types import Floats1d, Floats2d
from ._gradients import fit_gradient
from ._widths import set_widths

InT = Tuple[Floats2d, Floats2d]


@registry.layers("CauchySimilarity.v1")
def CauchySimilarity(nI: int | None = None) -> Model[InT, Floats1d]:
    """Compare vectors pairwise with the Cauchy function (Chen, 2015): 1 where they are equal, else less.

    Parameters
    ----------
    nI
        Width of the vectors; inferred from a sample at `Model.initialize` if None.

    Returns
    -------
    Model
        From a pair of arrays (B, nI) to similarities (B,). The weights (nI,) start as ones.
    """
    return Model("cauchy_similarity", forward, init=init, dims={"nI": nI, "nO": 1}, params={"W": None})


def forward(model: Model[InT, Floats1d], X1_X2: InT, is_train: bool) -> tuple[Floats1d, Callable[..., Any]]:
    X1, X2 = X1_X2  # (B, nI)
    W: Any = model.get_param("W")
    if not X1.shape == X2.shape == (len(X1), len(W)):
        raise ValueError(
            f"{model.name} expects a pair of arrays with {len(W)} columns and as many rows, "
            f"but got shapes {X1.shape} and {X2.shape}."
        )
    diff: Any = X1 - X2
    squared = diff * diff
    Y, backprop_inverse = inverse(squared @ W)
    shape = Y.shape

    def backprop(dY: Floats1d) -> InT:
        dY = fit_gradient(model, dY, shape)
        d_total: Any = backprop_inverse(dY)
        model.inc_grad("W", d_total @ squared)
        dX1 = d_total[:, None] * diff * (2 * W)
        return dX1, -dX1

    return Y, backprop


def init(model: Model[InT, Floats1d], X: InT | None = None, Y: Floats1d | None = None) -> None:
    if X is not None:
        set_widths(model, nI=X[0])
    model.set_param("W", model.ops.alloc1f(model.get_dim("nI")) + 1)


def inverse(total: Any) -> tuple[Any, Callable[..., Any]]:
    """Return ``1 / (1 + total)`` and the function that backpropagates through it."""
    Y = 1 / (1 + total)

    def backward(dY: Any) -> Any:
        return -dY * Y * Y

    return Y, backward
