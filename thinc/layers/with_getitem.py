"""with_getitem: run a layer on one item of a tuple, and pass the others through."""

from typing import Any, Callable, Tuple

from ..config import registry
from ..model import Model
from ._gradients import expect_gradients


@registry.layers("with_getitem.v1")
def with_getitem(idx: int, layer: Model[Any, Any]) -> Model[Tuple[Any, ...], Tuple[Any, ...]]:
    """Run the layer on the item at a position; the others, and their gradients, stay as they are.

    Parameters
    ----------
    idx
        The position; below zero, it counts from the end.
    layer
        The layer to run.
    """
    return Model(f"with_getitem({layer.name})", forward, init=init, layers=[layer], attrs={"idx": idx})


def forward(
    model: Model[Tuple[Any, ...], Tuple[Any, ...]], items: Tuple[Any, ...], is_train: bool
) -> tuple[Tuple[Any, ...], Callable[..., Any]]:
    idx: int = model.attrs["idx"]
    n = len(items)
    if not 0 <= idx < n:
        idx = _position(model, items)
    Y_i, backprop_item = model.layers[0](items[idx], is_train)

    # Quoted, here and in other layers: Python would put the types together in every call.
    def backprop(d_output: "Tuple[Any, ...]") -> "Tuple[Any, ...]":
        if type(d_output) is not tuple or len(d_output) != n:
            expect_gradients(model, d_output, n)
        d_items = list(d_output)
        d_items[idx] = backprop_item(d_items[idx])
        return d_items if isinstance(d_output, list) else tuple(d_items)

    outputs = list(items)
    outputs[idx] = Y_i
    return outputs if isinstance(items, list) else tuple(outputs), backprop


def init(
    model: Model[Tuple[Any, ...], Tuple[Any, ...]],
    X: Tuple[Any, ...] | None = None,
    Y: Tuple[Any, ...] | None = None,
) -> None:
    model.layers[0].initialize(
        X=None if X is None else X[_position(model, X)], Y=None if Y is None else Y[_position(model, Y)]
    )


def _position(model: Model[Any, Any], items: Any) -> int:
    idx: int = model.attrs["idx"]
    n = len(items)
    if not -n <= idx < n:
        raise IndexError(f"{model.name} runs on the item at position {idx}, but got {n} items.")
    return idx % n
