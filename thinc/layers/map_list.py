"""map_list: run a layer on each item of a list."""

from typing import Any, Callable, List, TypeVar

from .._util.arrays import is_xp_array
from .._util.callables import call
from .._util.explain import describe
from ..model import Model
from ._gradients import refusal

InT = TypeVar("InT")
OutT = TypeVar("OutT")


def map_list(layer: Model[InT, OutT]) -> Model[List[InT], List[OutT]]:
    """Run the layer on the items of a list, one by one.

    Parameters
    ----------
    layer
        From an item to an item. It is initialized with the first items of the samples.
    """
    return Model("map_list", forward, init=init, layers=[layer])


def forward(
    model: Model[List[InT], List[OutT]], Xs: List[InT], is_train: bool
) -> tuple[List[OutT], Callable[..., Any]]:
    layer = model.layers[0]
    if isinstance(Xs, (str, bytes, dict, set)):  # their items are not what is meant
        raise TypeError(f"{model.name} expects a list, but got {describe(Xs)}.")
    Ys, callbacks = [], []
    for X in Xs:
        Y, callback = layer(X, is_train)
        Ys.append(Y)
        callbacks.append(callback)

    def backprop(dYs: "List[OutT]") -> "List[InT]":
        is_list = isinstance(dYs, (list, tuple)) or (is_xp_array(dYs) and dYs.ndim > 0)
        if not is_list or len(dYs) != len(callbacks):
            raise refusal(model, f"a list of {len(callbacks)} gradients", dYs)
        return list(map(call, callbacks, dYs))

    return Ys, backprop


def init(
    model: Model[List[InT], List[OutT]], X: List[InT] | None = None, Y: List[OutT] | None = None
) -> None:
    model.layers[0].initialize(X=_first(X), Y=_first(Y))


def _first(items: Any) -> Any:
    return items[0] if items is not None and len(items) else None  # an array is a list of its rows
