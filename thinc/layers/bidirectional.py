"""bidirectional: a layer that reads sequences forward, and one that reads them backward, side by side."""

from typing import Any, Callable

from .._util.arrays import get_width
from ..config import registry
from ..model import Model
from ..types import Padded
from ._gradients import fit_gradient, refusal
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


def forward(model: Model[Padded, Padded], X: Padded, is_train: bool) -> tuple[Padded, Callable[..., Any]]:
    expect_kind(model, Padded, X)
    ops, lengths = model.ops, X.lengths
    l2r, r2l = model.layers
    Y_left, backprop_l2r = l2r(X, is_train)
    Y_right, backprop_r2l = r2l(_with_data(X, ops._reverse_steps(X.data, lengths)), is_train)
    width = Y_left.data.shape[-1]
    Y = ops._join_reversed(Y_left.data, Y_right.data, lengths)
    shape = Y.shape

    def backprop(dY: Padded) -> "Padded | None":
        if not isinstance(dY, Padded):
            raise refusal(model, f"a Padded with data of shape {shape}", dY)
        fit_gradient(model, dY.data, shape)
        dY_left, dY_right = _split(model, dY, width)
        dX_left, dX_right = backprop_l2r(dY_left), backprop_r2l(dY_right)
        if dX_left is None and dX_right is None:
            return None
        if dX_right is None:
            return dX_left
        if dX_left is None:
            return _with_data(X, ops._reverse_steps(dX_right.data, lengths))
        return _with_data(X, ops._add_reversed(dX_left.data, dX_right.data, lengths))

    return _with_data(X, Y), backprop


def init(model: Model[Padded, Padded], X: Padded | None = None, Y: Padded | None = None) -> None:
    l2r, r2l = model.layers
    Y_left = Y_right = None
    if Y is not None:
        Y_left, Y_right = _split(model, Y, l2r.maybe_get_dim("nO") or get_width(Y) // 2)
    l2r.initialize(X=X, Y=Y_left)
    r2l.initialize(
        X=None if X is None else _with_data(X, model.ops._reverse_steps(X.data, X.lengths)), Y=Y_right
    )


def _split(model: Model[Any, Any], Yp: Padded, width: int) -> tuple[Padded, Padded]:
    """Split a batch between the directions, ``width`` columns for the first one; reverse the others."""
    left, right = model.ops._split_reversed(Yp.data, width, Yp.lengths)
    return _with_data(Yp, left), _with_data(Yp, right)


def _with_data(Xp: Padded, data: Any) -> Padded:
    return Padded(data, Xp.size_at_t, Xp.lengths, Xp.indices)
