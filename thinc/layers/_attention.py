"""What the two versions of ParametricAttention share: the weighting and its gradient."""

from typing import Any, Callable

from ..model import Model
from ..types import Floats2d, Ints1d
from ._gradients import fit_gradient
from ._widths import set_widths


def attend(
    model: Model[Any, Any], X: Floats2d, K: Floats2d | None, lengths: Ints1d, wants_dX: bool
) -> tuple[Floats2d, Callable[..., Any]]:
    """Weigh each row of X by the softmax over its sequence of ``K @ Q``; X and K: (T, nO).

    The callback takes dY, adds to the gradient of "Q" and returns dX, or None where it is not wanted, and dK. Without
    K, the rows are the keys, and dX is all that flows back.
    """
    ops = model.ops
    Q: Any = model.get_param("Q")
    Y, weights = ops._attend(X, K, Q, lengths)
    shape = Y.shape

    def backprop(dY: Any) -> "tuple[Any, Any]":
        dY = fit_gradient(model, dY, shape)
        dX, dK, dQ = ops._backprop_attend(dY, X, K, Q, weights, lengths, wants_dX)
        model.inc_grad("Q", dQ)
        return dX, dK

    return Y, backprop


def init_query(model: Model[Any, Any], X: Any) -> None:
    """Take nO from the sample and draw "Q"."""
    set_widths(model, nO=X)
    Q = model.ops.xp.random.uniform(-0.1, 0.1, (model.get_dim("nO"),))
    model.set_param("Q", Q.astype("float32"))
