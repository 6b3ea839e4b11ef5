"""add: the sum of the outputs of several layers on one input."""

from typing import Any, Callable, TypeVar

from ..config import registry
from ..model import Model
from ..types import XY_XY_OutT
from ._batches import sum_batches, unchanged
from ._widths import check_layers, fill_widths

InT = TypeVar("InT")
OutT = TypeVar("OutT")


@registry.layers("add.v1")
def add(
    layer1: Model[InT, XY_XY_OutT], layer2: Model[InT, XY_XY_OutT], *layers: Model[InT, XY_XY_OutT]
) -> Model[InT, XY_XY_OutT]:
    """Run the layers on the same input and add up their outputs: arrays, lists, Ragged or Padded.

    Parameters
    ----------
    layer1, layer2, *layers
        Two layers or more, with outputs of one width. If the first is itself an ``add``, the others join it.
    """
    all_layers = (layer1, layer2, *layers)
    check_layers("add", all_layers)
    if layer1.name == "add":
        layer1.layers.extend((layer2, *layers))
        return layer1
    dims: dict[str, int | None] = {"nO": None}
    if all(layer.has_dim("nI") is not False for layer in all_layers):
        dims["nI"] = None
    return Model("add", forward, init=init, dims=dims, layers=all_layers)


def forward(model: Model[InT, OutT], X: InT, is_train: bool) -> tuple[OutT, Callable[..., Any]]:
    if not model.layers:
        return X, unchanged  # type: ignore[return-value]
    outputs, callbacks = [], []
    for layer in model.layers:
        outputs.append(None)
        outputs[-1], callback = layer(X, is_train)
        callbacks.append(callback)

    def backprop(dY: OutT) -> InT:
        return sum_batches(model.ops, [callback(dY) for callback in callbacks])

    return sum_batches(model.ops, outputs), backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    fill_widths([model, *model.layers], "nI", X)
    fill_widths([model, *model.layers], "nO", Y)
    for layer in model.layers:
        layer.initialize(X=X, Y=Y)
    for layer in model.layers:
        if layer.has_dim("nO"):
            model.set_dim("nO", layer.get_dim("nO"))
            break
