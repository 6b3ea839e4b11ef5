"""LayerNorm: rows of mean 0 and variance 1, then a learned gain and bias per column."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import Floats2d
from ._batches import with_width
from ._gradients import fit_gradient
from ._widths import set_widths


@registry.layers("LayerNorm.v1")
def LayerNorm(nI: int | None = None) -> Model[Floats2d, Floats2d]:
    """Layer normalization (Ba et al., 2016, arXiv:1607.06450), ``(X - mean) / √(variance + 1e-8) · G + b``.

    Mean and population variance are those of each row.

    Parameters
    ----------
    nI
        Width of input and output; inferred from a sample at `Model.initialize` if None.

    Returns
    -------
    Model
        From (B, nI) to (B, nI), float32 or float64.
    """
    return Model("layernorm", forward, init=init, dims={"nI": nI, "nO": nI}, params={"G": None, "b": None})


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:  # X, Y: (B, nI)
    ops = model.ops
    G = model.get_param("G")
    X = with_width(X, G.shape[0], G)
    if X.ndim != 2:
        raise ValueError("rows are expected, in an array with two dimensions")
    Y, mu, rstd = ops._layernorm(X, G, model.get_param("b"))  # (B, nI), (B,), (B,)

    def backprop(dY: Floats2d) -> Floats2d:
        dY = fit_gradient(model, dY, X.shape)
        dX, dG, db = ops._backprop_layernorm(dY, X, G, mu, rstd)
        model.inc_grad("G", dG)
        model.inc_grad("b", db)
        return dX

    return Y, backprop


def init(model: Model[Floats2d, Floats2d], X: Floats2d | None = None, Y: Floats2d | None = None) -> None:
    sample = Y if X is None else X
    set_widths(model, nI=sample, nO=sample)
    nI = model.get_dim("nI")
    if model.has_dim("nO") is None:
        model.set_dim("nO", nI)
    model.set_param("G", model.ops.alloc1f(nI) + 1)
    model.set_param("b", model.ops.alloc1f(nI))
