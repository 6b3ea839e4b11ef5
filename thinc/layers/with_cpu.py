"""with_cpu: run a layer on the CPU, whatever the device of the others."""

import sys
from typing import Any, Callable, TypeVar

import numpy

from .._util.arrays import is_cupy_array, is_xp_array, to_numpy
from ..backends import NumpyOps, Ops
from ..config import registry
from ..model import Model
from ..types import Padded, Ragged
from ._widths import dims_of

InT = TypeVar("InT")
OutT = TypeVar("OutT")


@registry.layers("with_cpu.v1")
def with_cpu(layer: Model[InT, OutT], ops: Ops) -> Model[InT, OutT]:
    """Move the layer to the CPU, arrays to it and its outputs and gradients to another device.

    Parameters
    ----------
    layer
        Moved to the CPU at once.
    ops
        The backend of the layers around it, usually ``model.ops``.
    """
    layer.to_cpu()
    return Model(f"with_cpu({layer.name})", forward, init=init, layers=[layer], dims=dims_of(layer), ops=ops)


def forward(model: Model[Any, Any], X: Any, is_train: bool) -> tuple[Any, Callable[..., Any]]:
    if type(model.ops) is NumpyOps and "cupy" not in sys.modules:  # there is no other device
        return model.layers[0](X, is_train)
    asarray = model.ops.asarray
    Y, backprop_cpu = model.layers[0](_to_cpu(X), is_train)

    def backprop(dY: Any) -> Any:
        return _convert(is_xp_array, asarray, backprop_cpu(_to_cpu(dY)))

    return _convert(is_xp_array, asarray, Y), backprop


def init(model: Model[Any, Any], X: Any = None, Y: Any = None) -> None:
    model.layers[0].initialize(X=_to_cpu(X), Y=_to_cpu(Y))


def _to_cpu(batch: Any) -> Any:
    if isinstance(batch, numpy.ndarray):
        return batch
    return _convert(is_cupy_array, to_numpy, batch)


def _convert(is_match: Callable[..., Any], convert: Callable[..., Any], batch: Any) -> Any:
    """Convert the arrays in a batch of any kind; leave everything else, such as documents, alone."""
    if is_match(batch):
        return convert(batch)
    if isinstance(batch, (list, tuple)):
        items = [_convert(is_match, convert, item) for item in batch]
        return items if isinstance(batch, list) else tuple(items)
    if isinstance(batch, Ragged) and is_match(batch.data):
        return Ragged(convert(batch.dataXd), convert(batch.lengths))
    if isinstance(batch, Padded) and is_match(batch.data):
        return Padded(*map(convert, (batch.data, batch.size_at_t, batch.lengths, batch.indices)))
    return batch
