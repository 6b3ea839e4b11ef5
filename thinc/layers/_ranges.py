"""What the layers for profilers share: forward and backward pass inside of ranges."""

from functools import partial
from typing import Any, Callable, ContextManager

from ..model import Model

Range = Callable[[], ContextManager[Any]]


def add_ranges(
    layer: Model[Any, Any], forward_range: Range, backprop_range: Range, init: Callable[..., Any] | None
) -> None:
    """Run the passes of a layer inside of ranges, and give it the ``init``."""
    layer.replace_callbacks(partial(_forward, layer._func, forward_range, backprop_range), init=init)


def init_in_range(init: Callable[..., Any], init_range: Range) -> Callable[..., Any]:
    """Return an ``init`` for a layer that runs another one inside of a range."""
    return partial(_init, init, init_range)


def _forward(
    forward: Callable[..., Any],
    forward_range: Range,
    backprop_range: Range,
    model: Model[Any, Any],
    X: Any,
    is_train: bool,
) -> tuple[Any, Callable[..., Any]]:
    with forward_range():
        Y, backprop_layer = forward(model, X, is_train=is_train)

    def backprop(dY: Any) -> Any:
        with backprop_range():
            return backprop_layer(dY)

    return Y, backprop


def _init(
    init: Callable[..., Any], init_range: Range, model: Model[Any, Any], X: Any = None, Y: Any = None
) -> None:
    with init_range():
        init(model, X=X, Y=Y)
