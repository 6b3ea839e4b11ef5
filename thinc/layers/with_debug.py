"""with_debug: call functions of yours before a layer is initialized, run and backpropagated through."""

from functools import partial
from typing import Any, Callable, TypeVar

from ..model import Model

ModelT = TypeVar("ModelT", bound=Model[Any, Any])


def do_nothing(*args: Any) -> None:
    """Do nothing: the hook that is called where none is given."""


def with_debug(
    layer: ModelT,
    name: str | None = None,
    *,
    on_init: Callable[[Model[Any, Any], Any, Any], None] = do_nothing,
    on_forward: Callable[[Model[Any, Any], Any, bool], None] = do_nothing,
    on_backprop: Callable[[Any], None] = do_nothing,
) -> ModelT:
    """Add hooks to a layer, which is changed in place.

    Parameters
    ----------
    layer
        The layer. Its name and structure stay the same.
    name
        Not used; profilers of layers take a name in the same place.
    on_init
        Called with the model and the samples X and Y before each initialization.
    on_forward
        Called with the model, the input X and ``is_train`` before each forward pass.
    on_backprop
        Called with the gradient dY before each backward pass.

    Returns
    -------
    Model
        The same layer.
    """
    layer.replace_callbacks(
        partial(_forward, layer._func, on_forward, on_backprop), init=partial(_init, layer.init, on_init)
    )
    return layer


# Not closures: models with hooks can be pickled if the hooks can, and a copy runs itself, not the original.


def _forward(
    forward: Callable[..., Any],
    on_forward: Callable[..., Any],
    on_backprop: Callable[..., Any],
    model: Model[Any, Any],
    X: Any,
    is_train: bool,
) -> tuple[Any, Callable[..., Any]]:
    if on_forward is not do_nothing:
        on_forward(model, X, is_train)
    Y, backprop_layer = forward(model, X, is_train=is_train)

    def backprop(dY: Any) -> Any:
        on_backprop(dY)
        return backprop_layer(dY)

    return Y, backprop


def _init(
    init: Callable[..., Any] | None,
    on_init: Callable[..., Any],
    model: Model[Any, Any],
    X: Any = None,
    Y: Any = None,
) -> None:
    on_init(model, X, Y)
    if init is not None:
        init(model, X=X, Y=Y)
