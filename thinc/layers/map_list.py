"""map_list: run a layer on each item of a list."""

from typing import Callable, List, TypeVar

from .._util.callables import call
from ..model import Model

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
) -> tuple[List[OutT], Callable]:
    layer = model.layers[0]
    Ys, callbacks = [], []
    for X in Xs:
        Y, callback = layer(X, is_train)
        Ys.append(Y)
        callbacks.append(callback)

    def backprop(dYs: "List[OutT]") -> "List[InT]":
        if len(dYs) != len(callbacks):
            raise ValueError(f"{model.name}: got {len(dYs)} gradients for {len(callbacks)} items.")
        return list(map(call, callbacks, dYs))

    return Ys, backprop


def init(
    model: Model[List[InT], List[OutT]], X: List[InT] | None = None, Y: List[OutT] | None = None
) -> None:
    model.layers[0].initialize(X=X[0] if X else None, Y=Y[0] if Y else None)
