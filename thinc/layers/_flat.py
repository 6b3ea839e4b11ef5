"""What with_array and with_array2d share: dimensions, initialization, and lists as one array."""

from typing import Any, Callable

from .._util.constants import mark_like
from ..model import Model
from ._batches import with_width
from ._widths import copy_dims


def dims_of(layer: Model) -> dict[str, int | None]:
    """Return every dimension of the layer, for the wrapper to expose."""
    return {name: layer.maybe_get_dim(name) for name in layer.dim_names}


def forward_list(model: Model, Xs: Any, is_train: bool) -> tuple[Any, Callable]:
    """Run the wrapped layer on the items one after the other, with the padding that the model asks for."""
    ops = model.ops
    pad = model.attrs["pad"]
    lengths = [len(X) for X in Xs]
    Y, backprop_flat = model.layers[0](mark_like(ops.flatten(Xs, pad=pad), Xs), is_train)

    def backprop(dYs: Any) -> Any:
        dY = with_width(ops.flatten(dYs, pad=pad), Y.shape[-1])
        dX = backprop_flat(dY)
        return None if dX is None else ops.unflatten(dX, lengths, pad=pad)

    return ops.unflatten(Y, lengths, pad=pad), backprop


def init_flat(model: Model, X: Any, Y: Any) -> None:
    """Initialize the wrapped layer with arrays and take over its dimensions."""
    layer = model.layers[0]
    layer.initialize(X=X, Y=Y)
    copy_dims(model, layer, layer.dim_names)
