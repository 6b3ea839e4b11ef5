"""The affine map under every layer with weights, A = X Wᵀ + b, and its backward pass."""

from typing import Any, Callable

from ..model import Model
from ._batches import with_width


def affine(model: Model[Any, Any], X: Any, W: Any, b: Any) -> Any:  # X: (B, nI), W: (nO, nI), b: (nO,)
    """Return a fresh ``X Wᵀ + b`` of shape (B, nO); the caller may change it in place."""
    return model.ops.affine(with_width(X, W.shape[1], W), W, b)


def backprop_affine(
    model: Model[Any, Any], dA: Any, X: Any, W: Any, wants_dX: bool = True
) -> Any:  # dA: (B, nO)
    """Add to the gradients of the parameters "W" and "b" and return dX, of shape (B, nI), or None.

    ``W`` is the matrix that the forward pass used; the parameters may have more dimensions, such as (nO, nP, nI)
    and (nO, nP), as long as they have the same elements.
    """
    return add_gradients(model, model.ops._backprop_affine, wants_dX, dA, with_width(X, W.shape[1], W), W)


def add_gradients(
    model: Model[Any, Any], backprop: Callable[..., tuple[Any, Any, Any]], wants_dX: bool, *saved: Any
) -> Any:
    """Run ``backprop(*saved, dW, db, wants_dX)``, like `Ops._backprop_affine`, and return dX.

    It adds to the gradients of "W" and "b" in place if they exist, and otherwise returns new ones.
    """
    known_W, known_b = model.maybe_get_grad("W"), model.maybe_get_grad("b")
    dX, dW, db = backprop(*saved, known_W, known_b, wants_dX)
    if dW is not known_W:
        model.inc_grad("W", dW.reshape(model.get_param("W").shape))
        model.inc_grad("b", db.reshape(model.get_param("b").shape))
    return dX
