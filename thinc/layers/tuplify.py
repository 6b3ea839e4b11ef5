"""tuplify: the outputs of several layers on one input, as a tuple."""

from typing import TYPE_CHECKING, Any, Callable, Tuple, TypeVar, overload

from ..config import registry
from ..model import Model
from ._batches import sum_batches
from ._gradients import refusal
from ._widths import check_layers, copy_dims

InT = TypeVar("InT")

if TYPE_CHECKING:
    Out1T = TypeVar("Out1T")
    Out2T = TypeVar("Out2T")
    Out3T = TypeVar("Out3T")
    Out4T = TypeVar("Out4T")
    Out5T = TypeVar("Out5T")
    Out6T = TypeVar("Out6T")


# What tuplify takes and returns; the annotations below are for those who look at run time.
# fmt: off
if TYPE_CHECKING:
    @overload
    def tuplify(layer1: Model[InT, Out1T], layer2: Model[InT, Out2T]) -> Model[InT, Tuple[Out1T, Out2T]]: ...

    @overload
    def tuplify(
        layer1: Model[InT, Out1T], layer2: Model[InT, Out2T], layer3: Model[InT, Out3T], /
    ) -> Model[InT, Tuple[Out1T, Out2T, Out3T]]: ...

    @overload
    def tuplify(
        layer1: Model[InT, Out1T], layer2: Model[InT, Out2T], layer3: Model[InT, Out3T],
        layer4: Model[InT, Out4T], /
    ) -> Model[InT, Tuple[Out1T, Out2T, Out3T, Out4T]]: ...

    @overload
    def tuplify(
        layer1: Model[InT, Out1T], layer2: Model[InT, Out2T], layer3: Model[InT, Out3T],
        layer4: Model[InT, Out4T], layer5: Model[InT, Out5T], /
    ) -> Model[InT, Tuple[Out1T, Out2T, Out3T, Out4T, Out5T]]: ...

    @overload
    def tuplify(
        layer1: Model[InT, Out1T], layer2: Model[InT, Out2T], layer3: Model[InT, Out3T],
        layer4: Model[InT, Out4T], layer5: Model[InT, Out5T], layer6: Model[InT, Out6T], /
    ) -> Model[InT, Tuple[Out1T, Out2T, Out3T, Out4T, Out5T, Out6T]]: ...

    @overload
    def tuplify(
        layer1: Model[InT, Any], layer2: Model[InT, Any], layer3: Model[InT, Any], layer4: Model[InT, Any],
        layer5: Model[InT, Any], layer6: Model[InT, Any], layer7: Model[InT, Any], /, *layers: Model[InT, Any]
    ) -> Model[InT, Tuple[Any, ...]]: ...
# fmt: on


@registry.layers("tuplify.v1")
def tuplify(
    layer1: Model[InT, Any], layer2: Model[InT, Any], *layers: Model[Any, Any]
) -> Model[InT, Tuple[Any, ...]]:
    """Run the layers on the same input and return a tuple of their outputs.

    Parameters
    ----------
    layer1, layer2, *layers
        Two layers or more. The backward pass takes a tuple with a gradient for each, and adds up theirs.
    """
    all_layers = (layer1, layer2, *layers)
    check_layers("tuplify", all_layers)
    names = ", ".join(layer.name for layer in all_layers)
    return Model(f"tuple({names})", tuplify_forward, init=init, layers=all_layers, dims={"nI": None})


def tuplify_forward(
    model: Model[InT, Tuple[Any, ...]], X: InT, is_train: bool
) -> tuple[Tuple[Any, ...], Callable[..., Any]]:
    outputs, callbacks = [], []
    for layer in model.layers:
        Y, callback = layer(X, is_train)
        outputs.append(Y)
        callbacks.append(callback)

    def backprop(dY: Any) -> InT:
        if not isinstance(dY, (tuple, list)) or len(dY) != len(callbacks):
            raise refusal(model, f"a tuple of {len(callbacks)} gradients", dY)
        return sum_batches(model.ops, [callback(dy) for callback, dy in zip(callbacks, dY)])  # noqa: B905

    return tuple(outputs), backprop


def init(model: Model[InT, Tuple[Any, ...]], X: InT | None = None, Y: Tuple[Any, ...] | None = None) -> None:
    layers = model.layers
    if X is None and Y is None:
        for layer in layers:  # drawn twice, like the layers of a chain
            layer.initialize()
    for i, layer in enumerate(layers):
        wants_Y = Y is not None and layer.has_dim("nO") is None
        layer.initialize(X=X, Y=Y[i] if Y is not None and wants_Y else None)
    if layers:
        copy_dims(model, layers[0], ("nI",))
