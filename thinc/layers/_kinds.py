"""The engine of with_list, with_padded and with_ragged: convert a batch, run the layer, convert back."""

from typing import Any, Callable

import numpy

from .._util.constants import mark_like
from .._util.explain import REFUSALS, describe
from ..backends import Ops
from ..model import Model
from ..types import Padded, Ragged
from ._batches import unchanged
from ._gradients import fit_gradient, refusal

INT32 = numpy.dtype("int32")

# Converts a batch into the kind that the layer takes. Returns it, and a function that puts a batch of that
# kind, an output or a gradient, into a batch of the kind and order it got. Fit for gradients as well.
Convert = Callable[[Model[Any, Any], Any], tuple[Any, Callable[..., Any]]]


def forward_as(
    convert: Convert, model: Model[Any, Any], X: Any, is_train: bool
) -> tuple[Any, Callable[..., Any]]:
    """Run the wrapped layer on the converted batch; its output and gradients have the kind of ``X``."""
    layer = model.layers[0]
    batch, restore = convert(model, X)
    if restore is unchanged:
        return layer(batch, is_train)
    Y, backprop_layer = layer(mark_like(batch, X), is_train)

    def backprop(dY: Any) -> Any:
        try:
            d_batch = convert(model, dY)[0]
        except REFUSALS as err:
            raise refusal(model, f"a {type(X).__name__}", dY) from err
        dX = backprop_layer(d_batch)
        return None if dX is None else restore(dX)

    return restore(Y), backprop


def forward_either(
    forward_ragged: Callable[..., Any], model: Model[Any, Any], X: Any, is_train: bool
) -> tuple[Any, Callable[..., Any]]:
    """Run the forward pass of a layer that takes Ragged on a Ragged or a Padded."""
    if not isinstance(X, Padded):
        expect_kind(model, Ragged, X)
        return forward_ragged(model, X, is_train)
    Xr, restore = padded_as_ragged(model, X)
    Yr, backprop_ragged = forward_ragged(model, mark_like(Xr, X), is_train)
    Y = restore(Yr)
    shape = Y.data.shape

    def backprop(dY: Any) -> Any:
        if not isinstance(dY, Padded):
            raise refusal(model, f"a Padded with data of shape {shape}", dY)
        fit_gradient(model, dY.data, shape)
        dX = backprop_ragged(padded_as_ragged(model, dY)[0])
        return None if dX is None else restore(dX)

    return Y, backprop


def padded_as_ragged(model: Model[Any, Any], Xp: Padded) -> tuple[Ragged, Callable[..., Any]]:
    """Return the sequences in their original order, and a function that puts such ones into a batch like ``Xp``."""
    check_padded(model, Xp)
    Xr = Ragged(*model.ops._padded2rows(Xp))
    return Xr, lambda Yr: model.ops._list2padded_like(ragged_to_list(model, Yr), Xp)


def init_as(convert: Convert, model: Model[Any, Any], X: Any, Y: Any) -> None:
    """Initialize the wrapped layer with converted samples.

    Dimensions of the wrapper that are not set stay so: saved models have them like this.
    """
    model.layers[0].initialize(
        X=None if X is None else convert(model, X)[0], Y=None if Y is None else convert(model, Y)[0]
    )


def list_to_ragged(ops: Ops, Xs: Any) -> Ragged:
    """Put the items of a list one after the other."""
    return Ragged(ops.flatten(Xs), ops.asarray1i([len(X) for X in Xs]))


def ragged_to_list(model: Model[Any, Any], Xr: Ragged) -> list[Any]:
    """Split a Ragged into its sequences.

    Raises
    ------
    ValueError
        If the lengths do not add up to its rows.
    """
    ops = model.ops
    lengths: Any = Xr.lengths
    if getattr(lengths, "dtype", None) is not INT32:
        lengths = as_lengths(model, lengths)
    n_rows = ops._count_rows(lengths)
    if n_rows != Xr.data.shape[0] and Xr.data.size:
        raise ValueError(
            f"{model.name} expects lengths that add up to the rows of a Ragged, but got {n_rows} in all, "
            f"and {Xr.data.shape[0]} rows."
        )
    return ops.unflatten(Xr.dataXd, lengths)


def check_padded(model: Model[Any, Any], Xp: Any) -> None:
    """Raise an error unless it is a Padded with a length for each of its sequences."""
    n = len(Xp.lengths)
    if Xp.data.shape[1] != n or len(Xp.indices) != n:
        raise ValueError(
            f"{model.name} expects a Padded with data (steps, B, …), B lengths and B indices, "
            f"but got {describe(Xp)}, {n} lengths and {len(Xp.indices)} indices."
        )


def as_lengths(model: Model[Any, Any], lengths: Any) -> Any:
    """Return lengths of any integer type, or a list of numbers, as int32.

    Raises
    ------
    ValueError
        If they are floats.
    """
    if getattr(lengths, "dtype", INT32).kind not in "iu":
        raise ValueError(f"{model.name} expects lengths that are integers, but got {describe(lengths)}.")
    return model.ops.asarray1i(lengths)


def expect_kind(model: Model[Any, Any], kind: type, X: Any) -> None:
    """Raise a ValueError unless the batch is a Ragged, or a Padded, as the layer needs it."""
    if not isinstance(X, kind):
        raise ValueError(
            f"{model.name} expects a {kind.__name__}, but got {type(X).__name__}. "
            f"Put with_{kind.__name__.lower()} around it if its input comes in several kinds."
        )


def expect_sequences(model: Model[Any, Any], kinds: str, X: Any) -> None:
    """Raise a ValueError unless the batch is a list or tuple, the last of the kinds that a wrapper takes."""
    if not isinstance(X, (list, tuple)):
        raise ValueError(f"{model.name} expects {kinds} or a list of arrays, but got {type(X).__name__}.")
