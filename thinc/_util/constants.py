"""Inputs that nobody wants a gradient for: the data a training loop feeds in.

`Model.begin_update(X, input_gradient=False)` declares its input constant while it runs forward. A layer that sees a
constant input leaves out the gradient of it, and its callback returns None; combinators take None as "no gradient".
What layers without parameters make of a constant is constant as well. A layer from elsewhere knows nothing of this:
it may do something with the gradient, or pass it on to another model, so a tree with such a layer has no constants.
"""

from contextvars import ContextVar
from typing import Any

_CONSTANTS: ContextVar[tuple[Any, ...]] = ContextVar("constants", default=())


class constant:
    """Declare X, the very object, constant for a block, along with what the block declares with `mark_like`."""

    __slots__ = ("_token", "_X")

    def __init__(self, X: Any) -> None:
        self._X = X

    def __enter__(self) -> None:
        self._token = _CONSTANTS.set((self._X,))

    def __exit__(self, *error: Any) -> None:
        _CONSTANTS.reset(self._token)


def knows_constants(forward: Any) -> bool:
    """Tell whether a forward function is that of a layer of this package, and not wrapped in another one."""
    module = getattr(forward, "__module__", None)
    return isinstance(module, str) and module.startswith("thinc.layers.")


def has_constants() -> bool:
    """Tell whether anything is declared constant now."""
    return bool(_CONSTANTS.get())


def is_constant(X: Any) -> bool:
    """Tell whether X was declared constant; to be asked in a forward pass."""
    for known in _CONSTANTS.get():  # noqa: SIM110  # every layer asks, and `any` would take five times as long
        if X is known:
            return True
    return False


def mark_like(Y: Any, X: Any) -> Any:
    """Declare Y, which was made of X alone, constant if X is; return Y."""
    if Y is not X and is_constant(X):
        _CONSTANTS.set((*_CONSTANTS.get(), Y))
    return Y
