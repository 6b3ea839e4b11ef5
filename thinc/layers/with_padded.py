"""with_padded: run a layer that works on Padded on lists, Ragged and plain arrays, too."""

from typing import Any, Callable, Tuple, TypeVar

from ..backends import Ops
from ..config import registry
from ..model import Model
from ..types import Array3d, Floats3d, Ints1d, List2d, Padded, Ragged
from ._batches import unchanged, with_width
from ._flat import dims_of
from ._kinds import expect_sequences, forward_as, init_as, ragged_to_list

PaddedData = Tuple[Array3d, Ints1d, Ints1d, Ints1d]
SeqT = TypeVar("SeqT", Padded, Ragged, List2d, Floats3d, PaddedData)


@registry.layers("with_padded.v1")
def with_padded(layer: Model[Padded, Padded]) -> Model[SeqT, SeqT]:
    """Give the layer any batch as a Padded, and put what it returns into a batch of the kind it came in.

    Parameters
    ----------
    layer
        It gets the sequences of a list or Ragged, sorted and padded; an array (steps, B, nI) as sequences
        that all have the same length; and a tuple (data, size_at_t, lengths, indices) as the Padded that it
        describes.
    """
    return Model(f"with_padded({layer.name})", forward, init=init, layers=[layer], dims=dims_of(layer))


def forward(model: Model[SeqT, SeqT], X: SeqT, is_train: bool) -> tuple[SeqT, Callable]:
    return forward_as(_convert, model, X, is_train)


def init(model: Model[SeqT, SeqT], X: SeqT | None = None, Y: SeqT | None = None) -> None:
    init_as(_convert, model, X, Y)


def _convert(model: Model, X: Any) -> tuple[Padded, Callable]:
    ops = model.ops
    if isinstance(X, Padded):
        return X, unchanged
    if isinstance(X, Ragged):
        return ops.list2padded(ragged_to_list(ops, X)), lambda Yp: _to_ragged(ops, Yp, X.lengths)
    if _is_padded_data(X):
        return Padded(*X), lambda Yp: (Yp.data, Yp.size_at_t, Yp.lengths, Yp.indices)
    if getattr(X, "ndim", None) == 3:
        return _all_full(ops, X), lambda Yp: Yp.data
    expect_sequences(model, "a Ragged, a Padded, an array with three dimensions", X)
    return ops.list2padded(X), ops.padded2list


def _is_padded_data(X: Any) -> bool:
    return isinstance(X, tuple) and [getattr(x, "ndim", None) for x in X] == [3, 1, 1, 1]


def _to_ragged(ops: Ops, Yp: Padded, lengths: Any) -> Ragged:
    return Ragged(with_width(ops.flatten(ops.padded2list(Yp)), Yp.data.shape[-1]), lengths)


def _all_full(ops: Ops, data: Any) -> Padded:  # (steps, B, nI)
    n_steps, n_sequences, _ = data.shape
    return Padded(
        data,
        ops.alloc1i(n_steps) + n_sequences,
        ops.alloc1i(n_sequences) + n_steps,
        ops.asarray1i(range(n_sequences)),
    )
