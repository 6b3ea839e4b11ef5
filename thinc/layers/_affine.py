"""The affine map under every layer with weights, A = X Wᵀ + b, and its backward pass."""

from typing import Any

from ..model import Model
from ._batches import with_width


def affine(model: Model, X: Any, W: Any, b: Any) -> Any:  # X: (B, nI), W: (nO, nI), b: (nO,)
    """Return a fresh ``X Wᵀ + b`` of shape (B, nO); the caller may change it in place."""
    return model.ops.affine(with_width(X, W.shape[1]), W, b)


def backprop_affine(model: Model, dA: Any, X: Any, W: Any, wants_dX: bool = True) -> Any:  # dA: (B, nO)
    """Add to the gradients of the parameters "W" and "b" and return dX, of shape (B, nI), or None.

    ``W`` is the matrix that the forward pass used; the parameters may have more dimensions, (nO, nP, nI)
    and (nO, nP), as long as they have the same elements.
    """
    ops = model.ops
    # Every product comes before the first inc_grad: a dY that does not fit leaves no half of a gradient.
    dA = with_width(dA, W.shape[0])
    dW = ops.gemm(dA, with_width(X, W.shape[1]), trans1=True)
    dX = ops.gemm(dA, W) if wants_dX else None
    db = ops._sum_columns(dA)
    shape = model.get_param("W").shape
    if len(shape) != 2:
        dW = dW.reshape(shape)
        db = db.reshape(shape[:-1])
    model.inc_grad("W", dW)
    model.inc_grad("b", db)
    return dX
