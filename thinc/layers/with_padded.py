"""with_padded: run a layer that works on Padded on lists, Ragged and plain arrays, too."""

from typing import Any, Callable, Tuple, Union

import numpy

from .._util.constants import mark_like
from ..backends import Ops
from ..config import registry
from ..model import Model
from ..types import Array3d, Floats3d, Ints1d, List2d, Padded, Ragged
from ._batches import unchanged
from ._kinds import expect_sequences, forward_as, init_as, ragged_to_list
from ._typing import TypeVar
from ._widths import dims_of

INT32 = numpy.dtype("int32")
PaddedData = Tuple[Array3d, Ints1d, Ints1d, Ints1d]
SeqT = TypeVar("SeqT", Padded, Ragged, List2d, Floats3d, PaddedData)
BatchT = TypeVar("BatchT", bound=Union[Padded, Ragged, List2d, Floats3d, PaddedData], default=Any)


@registry.layers("with_padded.v1")
def with_padded(layer: Model[Padded, Padded]) -> Model[BatchT, BatchT]:
    """Give the layer any batch as a Padded, and put what it returns into a batch of the kind it came in.

    Parameters
    ----------
    layer
        It gets the sequences of a list or Ragged, sorted and padded; an array (steps, B, nI) as sequences
        that all have the same length; and a tuple (data, size_at_t, lengths, indices) as the Padded that it
        describes.
    """
    return Model(f"with_padded({layer.name})", forward, init=init, layers=[layer], dims=dims_of(layer))


def forward(model: Model[SeqT, SeqT], X: SeqT, is_train: bool) -> tuple[SeqT, Callable[..., Any]]:
    if not isinstance(X, Padded) and getattr(X, "ndim", None) == 3:
        return _forward_array(model, X, is_train)
    return forward_as(_convert, model, X, is_train)


def _forward_array(model: Model[Any, Any], X: Any, is_train: bool) -> tuple[Any, Callable[..., Any]]:
    Yp, backprop_layer = model.layers[0](mark_like(_all_full(model.ops, X), X), is_train)

    def backprop(dY: Any) -> Any:
        dXp = backprop_layer(Padded(dY, Yp.size_at_t, Yp.lengths, Yp.indices))
        return None if dXp is None else dXp.data

    return Yp.data, backprop


def init(model: Model[SeqT, SeqT], X: SeqT | None = None, Y: SeqT | None = None) -> None:
    init_as(_convert, model, X, Y)


def _convert(model: Model[Any, Any], X: Any) -> tuple[Padded, Callable[..., Any]]:
    ops = model.ops
    if isinstance(X, Padded):
        return X, unchanged
    if isinstance(X, Ragged):
        return ops.list2padded(ragged_to_list(model, X)), lambda Yp: Ragged(*ops._padded2rows(Yp))
    if _is_padded_data(X):
        return Padded(*X), lambda Yp: (Yp.data, Yp.size_at_t, Yp.lengths, Yp.indices)
    if getattr(X, "ndim", None) == 3:  # a sample, or a gradient
        return _all_full(ops, X), lambda Yp: Yp.data
    expect_sequences(model, "a Ragged, a Padded, an array with three dimensions", X)
    return ops.list2padded(X), ops.padded2list


def _is_padded_data(X: Any) -> bool:
    return isinstance(X, tuple) and [getattr(x, "ndim", None) for x in X] == [3, 1, 1, 1]


def _all_full(ops: Ops, data: Any) -> Padded:  # (steps, B, nI)
    xp = ops.xp
    n_steps, n_sequences, _ = data.shape
    size_at_t = xp.empty(n_steps, INT32)
    size_at_t.fill(n_sequences)
    lengths = xp.empty(n_sequences, INT32)
    lengths.fill(n_steps)
    return Padded(data, size_at_t, lengths, xp.arange(n_sequences, dtype=INT32))
