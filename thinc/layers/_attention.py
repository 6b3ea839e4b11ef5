"""What the two versions of ParametricAttention share: the weighting and its gradient."""

from typing import Any, Callable

from ..model import Model
from ..types import Floats2d, Ints1d
from ._gradients import fit_gradient
from ._widths import set_widths


def attend(
    model: Model[Any, Any], X: Floats2d, K: Floats2d, lengths: Ints1d, wants_dX: bool, wants_dK: bool
) -> tuple[Floats2d, Callable[..., Any]]:
    """Weigh each row of X by the softmax over its sequence of ``K @ Q``; X and K: (T, nO).

    The callback takes dY, adds to the gradient of "Q" and returns dX, without what flows through K, and dK; each
    is None where it is not wanted.
    """
    ops = model.ops
    Q: Any = model.get_param("Q")
    attention = ops.softmax_sequences(ops.gemm(K, Q.reshape((-1, 1))), lengths)  # (T, 1)
    Y = X * attention
    shape = Y.shape

    def backprop(dY: Any) -> "tuple[Any, Any]":
        dY = fit_gradient(model, dY, shape)
        d_attention = (X * dY).sum(axis=1, keepdims=True)
        d_scores = ops.backprop_softmax_sequences(d_attention, attention, lengths)  # (T, 1)
        model.inc_grad("Q", ops.gemm(K, d_scores, trans1=True).reshape(-1))
        return dY * attention if wants_dX else None, d_scores * Q if wants_dK else None

    return Y, backprop


def init_query(model: Model[Any, Any], X: Any) -> None:
    """Take nO from the sample and draw "Q"."""
    set_widths(model, nO=X)
    Q = model.ops.xp.random.uniform(-0.1, 0.1, (model.get_dim("nO"),))
    model.set_param("Q", Q.astype("float32"))
