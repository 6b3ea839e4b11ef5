"""The engine of with_array and with_array2d: the data of any batch as one array, and back."""

from typing import Any, Callable, NamedTuple

from .._util.constants import mark_like
from .._util.explain import REFUSALS
from ..model import Model
from ..types import Padded, Ragged
from ._batches import with_width
from ._gradients import refusal, with_inner_shape
from ._widths import copy_dims


def forward_list(model: Model[Any, Any], Xs: Any, is_train: bool) -> tuple[Any, Callable[..., Any]]:
    """Run the wrapped layer on the items one after the other, with the padding that the model asks for."""
    ops = model.ops
    pad = model.attrs["pad"]
    lengths = [len(X) for X in Xs]
    X = mark_like(ops.flatten(Xs, pad=pad), Xs)
    Y, backprop_flat = model.layers[0](X, is_train)
    check_rows(model, X, Y)

    def backprop(dYs: Any) -> Any:
        try:
            n = len(dYs)
            dY = with_width(ops.flatten(dYs, pad=pad), Y.shape[-1], Y)
        except REFUSALS as err:
            raise refusal(model, f"a list of {len(lengths)} arrays", dYs) from err
        if (n != len(lengths) and n) or not isinstance(dYs, (list, tuple)):
            raise refusal(model, f"a list of {len(lengths)} arrays", dYs)
        dX = backprop_flat(dY)
        return None if dX is None else ops.unflatten(dX, lengths, pad=pad)

    return ops.unflatten(Y, lengths, pad=pad), backprop


def check_rows(model: Model[Any, Any], X: Any, Y: Any) -> None:
    """Raise a ValueError if the layer returned more or fewer rows than it got: whose they are, nobody knows."""
    if len(X) != len(Y):
        raise ValueError(
            f"{model.name} expects that '{model.layers[0].name}' returns a row for each that it is given, but got "
            f"{len(Y)} rows for {len(X)}. Layers that change the number of rows are for with_ragged or with_padded."
        )


class Views(NamedTuple):
    """How a wrapper shows the data of a batch to its layer.

    Parameters
    ----------
    of_ragged
        From a Ragged to the array that the layer gets.
    of_padded
        From the data (steps, B, nO) of a Padded to the array that the layer gets.
    to_padded
        From what the layer returns, and the data it was given, back to (steps, B, nO).
    """

    of_ragged: Callable[..., Any]
    of_padded: Callable[..., Any]
    to_padded: Callable[..., Any]


def forward_flat(
    model: Model[Any, Any], X: Any, is_train: bool, views: Views
) -> tuple[Any, Callable[..., Any]]:
    """Run the wrapped layer on the data of any batch, as one array."""
    if isinstance(X, (list, tuple)):
        return forward_list(model, X, is_train)
    if isinstance(X, Ragged):
        return _forward_ragged(model, X, is_train, views)
    if isinstance(X, Padded):
        return _forward_padded(model, X, is_train, views)
    return model.layers[0](X, is_train)


def _forward_ragged(
    model: Model[Any, Any], Xr: Ragged, is_train: bool, views: Views
) -> tuple[Any, Callable[..., Any]]:
    X = mark_like(views.of_ragged(Xr), Xr)
    Y, backprop_array = model.layers[0](X, is_train)
    check_rows(model, X, Y)
    shape = Y.shape

    def backprop(dYr: Ragged) -> "Ragged | None":
        if not isinstance(dYr, Ragged):
            raise refusal(model, "a Ragged", dYr)
        dX = backprop_array(with_inner_shape(views.of_ragged(dYr), shape))
        return None if dX is None else Ragged(dX, dYr.lengths)

    return Ragged(Y, Xr.lengths), backprop


def _forward_padded(
    model: Model[Any, Any], Xp: Padded, is_train: bool, views: Views
) -> tuple[Any, Callable[..., Any]]:
    Y, backprop_array = model.layers[0](mark_like(views.of_padded(Xp.data), Xp), is_train)

    def backprop(dYp: Padded) -> "Padded | None":
        if not isinstance(dYp, Padded):
            raise refusal(model, "a Padded", dYp)
        if dYp.data.ndim != 3:
            raise refusal(model, f"a Padded with data {Xp.data.shape[:2]} + (nO,)", dYp)
        dX = backprop_array(views.of_padded(dYp.data))
        if dX is None:
            return None
        return Padded(views.to_padded(dX, Xp.data), dYp.size_at_t, dYp.lengths, dYp.indices)

    return Padded(views.to_padded(Y, Xp.data), Xp.size_at_t, Xp.lengths, Xp.indices), backprop


def init_flat(model: Model[Any, Any], X: Any, Y: Any, views: Views) -> None:
    """Initialize the wrapped layer with the arrays that it will get and take over its dimensions."""
    layer = model.layers[0]
    layer.initialize(X=_array(model, X, views), Y=_array(model, Y, views))
    copy_dims(model, layer, layer.dim_names)


def _array(model: Model[Any, Any], batch: Any, views: Views) -> Any:
    if isinstance(batch, (list, tuple)):
        return model.ops.flatten(batch, pad=model.attrs["pad"])
    if isinstance(batch, Ragged):
        return views.of_ragged(batch)
    if isinstance(batch, Padded):
        return views.of_padded(batch.data)
    return batch
