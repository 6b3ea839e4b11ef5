"""The affine map under every layer with weights, A = X Wᵀ + b, and its backward pass."""

from typing import Any

from ..model import Model
from ._batches import with_width


def affine(model: Model[Any, Any], X: Any, W: Any, b: Any) -> Any:  # X: (B, nI), W: (nO, nI), b: (nO,)
    """Return a fresh ``X Wᵀ + b`` of shape (B, nO); the caller may change it in place."""
    return model.ops.affine(with_width(X, W.shape[1]), W, b)


def backprop_affine(
    model: Model[Any, Any], dA: Any, X: Any, W: Any, wants_dX: bool = True
) -> Any:  # dA: (B, nO)
    """Add to the gradients of the parameters "W" and "b" and return dX, of shape (B, nI), or None.

    ``W`` is the matrix that the forward pass used; the parameters may have more dimensions, such as (nO, nP, nI)
    and (nO, nP), as long as they have the same elements.
    """
    ops = model.ops
    # What may fail comes before the first change: a dY that does not fit leaves no half of a gradient.
    X = with_width(X, W.shape[1])
    dX = ops.gemm(dA, W) if wants_dX else None
    db = ops._sum_columns(dA)
    shape = model.get_param("W").shape
    dW = gradient_to_add_to(model, shape, dA.dtype)
    if dW is not None:
        ops._add_gemm(dW.reshape(W.shape), dA, X, trans1=True)
    else:
        model.inc_grad("W", ops.gemm(dA, X, trans1=True).reshape(shape))
    model.inc_grad("b", db.reshape(model.get_param("b").shape))
    return dX


def gradient_to_add_to(model: Model[Any, Any], shape: tuple[int, ...], dtype: Any) -> Any:
    """Return the gradient of "W", if there is one that a product may be added to in place; else None."""
    dW: Any = model.maybe_get_grad("W")
    if dW is not None and dW.shape == shape and dW.dtype == dtype and dW.flags.c_contiguous:
        return dW
    return None
