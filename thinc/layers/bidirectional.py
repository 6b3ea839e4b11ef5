"""bidirectional: a layer that reads sequences forward, and one that reads them backward, side by side."""

from typing import Any, Callable

from .._util.arrays import get_width
from ..config import registry
from ..model import Model
from ..types import Padded
from ._batches import add_batches
from ._kinds import expect_kind


@registry.layers("bidirectional.v1")
def bidirectional(
    l2r: Model[Padded, Padded], r2l: Model[Padded, Padded] | None = None
) -> Model[Padded, Padded]:
    """Run ``l2r`` on the sequences and ``r2l`` on the reversed ones; put the outputs side by side.

    Each sequence is reversed within its own length, and so is what ``r2l`` returns.

    Parameters
    ----------
    l2r
        Reads forward, and gives the left part of the output.
    r2l
        Reads backward, and gives the right part; a copy of ``l2r`` if None.
    """
    return Model(f"bi{l2r.name}", forward, init=init, layers=[l2r, l2r.copy() if r2l is None else r2l])


def forward(model: Model[Padded, Padded], X: Padded, is_train: bool) -> tuple[Padded, Callable]:
    expect_kind(model, Padded, X)
    l2r, r2l = model.layers
    Y_left, backprop_l2r = l2r(X, is_train)
    Y_reversed, backprop_r2l = r2l(_reverse(model, X), is_train)
    Y_right = _reverse(model, Y_reversed)
    width = Y_left.data.shape[-1]

    def backprop(dY: Padded) -> Padded:
        dY_left, dY_right = _split(model, dY, width)
        dX_reversed = backprop_r2l(_reverse(model, dY_right))
        dX_right = None if dX_reversed is None else _reverse(model, dX_reversed)
        return add_batches(backprop_l2r(dY_left), dX_right)

    data = model.ops.xp.concatenate((Y_left.data, Y_right.data), axis=-1)
    return Padded(data, X.size_at_t, X.lengths, X.indices), backprop


def init(model: Model[Padded, Padded], X: Padded | None = None, Y: Padded | None = None) -> None:
    l2r, r2l = model.layers
    Y_left = Y_right = None
    if Y is not None:
        Y_left, Y_right = _split(model, Y, l2r.maybe_get_dim("nO") or get_width(Y) // 2)
        Y_right = _reverse(model, Y_right)
    l2r.initialize(X=X, Y=Y_left)
    r2l.initialize(X=None if X is None else _reverse(model, X), Y=Y_right)


def _reverse(model: Model, Xp: Padded) -> Padded:
    """Reverse each sequence in time; the padding stays behind it."""
    xp = model.ops.xp
    steps = xp.arange(Xp.data.shape[0])[:, None]
    mirrored = xp.asarray(Xp.lengths) - 1 - steps  # (steps, B)
    source = xp.where(mirrored < 0, steps, mirrored)
    data = Xp.data[source, xp.arange(Xp.data.shape[1])]
    return Padded(data, Xp.size_at_t, Xp.lengths, Xp.indices)


def _split(model: Model, Yp: Padded, width: int) -> tuple[Padded, Padded]:
    """Split a batch between the directions, ``width`` columns for the first one."""
    data: Any = Yp.data
    parts = [model.ops.as_contig(part) for part in (data[..., :width], data[..., width:])]
    left, right = (Padded(part, Yp.size_at_t, Yp.lengths, Yp.indices) for part in parts)
    return left, right
