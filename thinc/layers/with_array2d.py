"""with_array2d: run a layer that works on rows on lists, Ragged, Padded and arrays."""

from typing import TYPE_CHECKING, Any, Callable, Union, overload

from .._util.constants import mark_like
from ..config import registry
from ..model import Model
from ..types import Array2d, Floats2d, List2d, Padded, Ragged
from ._batches import rows_of
from ._flat import dims_of, forward_list, init_flat
from ._typing import TypeVar

SeqT = TypeVar("SeqT", Padded, Ragged, List2d, Array2d)
BatchT = TypeVar("BatchT", bound=Union[Padded, Ragged, List2d, Array2d], default=Any)
ArrayT = TypeVar("ArrayT", bound=Array2d)
InArrayT = TypeVar("InArrayT", bound=Array2d)
OutArrayT = TypeVar("OutArrayT", bound=Array2d)


if TYPE_CHECKING:  # a layer that changes the kind of array changes that of the items of a list, too

    @overload
    def with_array2d(layer: Model[ArrayT, ArrayT], pad: int = ...) -> Model[BatchT, BatchT]: ...
    @overload
    def with_array2d(layer: Model[InArrayT, OutArrayT], pad: int = ...) -> Model[BatchT, Any]: ...


@registry.layers("with_array2d.v1")
def with_array2d(layer: Model[InArrayT, OutArrayT], pad: int = 0) -> Model[BatchT, Any]:
    """Give the layer the rows of any batch as one array (rows, nI), and restore the kind of the batch.

    Parameters
    ----------
    layer
        It gets the items of a list one after the other, the data of a Ragged, the data of a Padded as
        (steps · B, nI), and an array as it is.
    pad
        Rows of zeros before, between and after the items of a list, for layers that look at neighbours.
        Other kinds of batches get none.
    """
    return Model(
        f"with_array({layer.name})",
        forward,
        init=init,
        layers=[layer],
        attrs={"pad": pad},
        dims=dims_of(layer),
    )


def forward(model: Model[SeqT, SeqT], X: SeqT, is_train: bool) -> tuple[SeqT, Callable]:
    if isinstance(X, (list, tuple)):
        return forward_list(model, X, is_train)
    if isinstance(X, Ragged):
        return _forward_ragged(model.layers[0], X, is_train)
    if isinstance(X, Padded):
        return _forward_padded(model.layers[0], X, is_train)
    return model.layers[0](X, is_train)


def _forward_ragged(layer: Model, Xr: Ragged, is_train: bool) -> tuple[Any, Callable]:
    Y, backprop_rows = layer(mark_like(rows_of(Xr), Xr), is_train)

    def backprop(dYr: Ragged) -> "Ragged | None":
        dX = backprop_rows(rows_of(dYr))
        return None if dX is None else Ragged(dX, dYr.lengths)

    return Ragged(Y, Xr.lengths), backprop


def _forward_padded(layer: Model, Xp: Padded, is_train: bool) -> tuple[Any, Callable]:
    n_steps, n_sequences, _ = Xp.data.shape
    Y, backprop_rows = layer(mark_like(_rows(Xp.data), Xp), is_train)

    def backprop(dYp: Padded) -> "Padded | None":
        dX = backprop_rows(_rows(dYp.data))
        if dX is None:
            return None
        dX = dX.reshape((n_steps, n_sequences, dX.shape[1]))
        return Padded(dX, dYp.size_at_t, dYp.lengths, dYp.indices)

    Y = Y.reshape((n_steps, n_sequences, Y.shape[1]))
    return Padded(Y, Xp.size_at_t, Xp.lengths, Xp.indices), backprop


def init(model: Model[SeqT, SeqT], X: SeqT | None = None, Y: SeqT | None = None) -> None:
    init_flat(model, _array(model, X), _array(model, Y))


def _array(model: Model, batch: Any) -> Any:
    if isinstance(batch, (list, tuple)):
        return model.ops.flatten(batch, pad=model.attrs["pad"])
    if isinstance(batch, Ragged):
        return rows_of(batch)
    if isinstance(batch, Padded):
        return _rows(batch.data)
    return batch


def _rows(data: Any) -> Floats2d:  # (steps, B, nO) -> (steps * B, nO)
    n_steps, n_sequences, width = data.shape
    return data.reshape((n_steps * n_sequences, width))
