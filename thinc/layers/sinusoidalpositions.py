"""SinusoidalPositions: add to each row what tells its position."""

from typing import Any, Callable

import numpy

from ..config import registry
from ..model import Model
from ..types import Padded, Ragged
from ._batches import rows_of, with_width
from ._gradients import fit_gradient, refusal
from ._kinds import forward_either
from ._positions import sinusoidal_waves
from ._reduce import sequences
from ._typing import TypeVar
from ._widths import set_widths

SeqT = TypeVar("SeqT", Ragged, Padded)


@registry.layers("SinusoidalPositions.v1")
def SinusoidalPositions(nO: int | None = None) -> Model[SeqT, SeqT]:
    """Add sines and cosines of the position to each row (Vaswani et al., 2017, arXiv:1706.03762).

    Row p of a sequence gets ``sin(p / 10000^(i / nO))`` in its even columns i, and the cosine of the same in column
    i + 1. There is nothing to learn.

    Parameters
    ----------
    nO
        Width of input and output; inferred from a sample at `Model.initialize` if None.

    Returns
    -------
    Model
        From a Ragged, or a Padded, of rows of width nO to one like it. Padding stays zero.
    """
    return Model("positions", forward, init=init, dims={"nO": nO, "nI": nO})


def forward(model: Model[SeqT, SeqT], X: SeqT, is_train: bool) -> tuple[SeqT, Callable[..., Any]]:
    return forward_either(_forward_ragged, model, X, is_train)


def _forward_ragged(model: Model[Any, Any], Xr: Ragged, is_train: bool) -> tuple[Ragged, Callable[..., Any]]:
    ops = model.ops
    nO = model.get_dim("nO")
    rows, lengths = sequences(model, Xr)
    X: Any = with_width(rows, nO)
    if X.dtype.kind != "f":
        raise ValueError(f"{model.name} expects floats, but got an array of {X.dtype}.")
    if X.shape[1] != nO:
        raise ValueError(f"{model.name} expects rows of width {nO}, but got {X.shape[1]}.")
    n: Any = ops.to_numpy(lengths)
    positions = numpy.arange(len(X)) - numpy.repeat(n.cumsum() - n, n)
    waves = sinusoidal_waves(int(n.max(initial=0)), nO, X.dtype)
    Y = X + ops.asarray(waves[positions])

    def backprop(dYr: Ragged) -> Ragged:
        if not isinstance(dYr, Ragged):
            raise refusal(model, "a Ragged", dYr)
        return Ragged(fit_gradient(model, rows_of(dYr), X.shape), Xr.lengths)

    return Ragged(Y, Xr.lengths), backprop


def init(model: Model[SeqT, SeqT], X: SeqT | None = None, Y: SeqT | None = None) -> None:
    sample = Y if X is None else X
    set_widths(model, nI=sample, nO=sample)
