"""RMSNorm: rows whose mean square is 1, then a learned gain per column."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import Floats2d
from ._batches import with_width
from ._gradients import fit_gradient
from ._widths import set_widths


@registry.layers("RMSNorm.v1")
def RMSNorm(nI: int | None = None, *, eps: float = 1e-6) -> Model[Floats2d, Floats2d]:
    """Normalize by root mean squares (Zhang and Sennrich, 2019, arXiv:1910.07467), ``X / √(mean(X²) + eps) · G``.

    Like `LayerNorm`, but rows keep their mean, and there is no bias.

    Parameters
    ----------
    nI
        Width of input and output; inferred from a sample at `Model.initialize` if None.
    eps
        Added to the mean square; kept as an attribute.

    Returns
    -------
    Model
        From (B, nI) to (B, nI), float32 or float64.

    Raises
    ------
    ValueError
        If ``eps`` is negative or no number.
    """
    if not eps >= 0:
        raise ValueError(f"RMSNorm: eps must be a number from 0 on, but got {eps}.")
    dims, params = {"nI": nI, "nO": nI}, {"G": None}
    return Model("rmsnorm", forward, init=init, dims=dims, params=params, attrs={"eps": eps})


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:  # X, Y: (B, nI)
    ops = model.ops
    G = model.get_param("G")
    X = with_width(X, G.shape[0], G)
    if X.ndim != 2 or X.shape[1] != G.shape[0]:
        raise ValueError(f"{model.name} expects rows of width {G.shape[0]}, but got shape {X.shape}.")
    Y, rstd = ops._rmsnorm(X, G, model.attrs["eps"])  # (B, nI), (B,)

    def backprop(dY: Floats2d) -> Floats2d:
        dX, dG = ops._backprop_rmsnorm(fit_gradient(model, dY, X.shape), X, G, rstd)
        model.inc_grad("G", dG)
        return dX

    return Y, backprop


def init(model: Model[Floats2d, Floats2d], X: Floats2d | None = None, Y: Floats2d | None = None) -> None:
    sample = Y if X is None else X
    set_widths(model, nI=sample, nO=sample)
    nI = model.get_dim("nI")
    if model.has_dim("nO") is None:
        model.set_dim("nO", nI)
    model.set_param("G", model.ops.alloc1f(nI) + 1)
