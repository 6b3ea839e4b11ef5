"""with_array: run a layer that works on arrays on lists, Ragged, Padded and arrays."""

from typing import TYPE_CHECKING, Any, Callable, Union, overload

from .._util.constants import mark_like
from ..config import registry
from ..model import Model
from ..types import ArrayXd, ListXd, Padded, Ragged
from ._flat import dims_of, forward_list, init_flat
from ._typing import TypeVar

SeqT = TypeVar("SeqT", Padded, Ragged, ListXd, ArrayXd)
BatchT = TypeVar("BatchT", bound=Union[Padded, Ragged, ListXd, ArrayXd], default=Any)
ArrayT = TypeVar("ArrayT", bound=ArrayXd)
InArrayT = TypeVar("InArrayT", bound=ArrayXd)
OutArrayT = TypeVar("OutArrayT", bound=ArrayXd)


if TYPE_CHECKING:  # a layer that changes the kind of array changes that of the items of a list, too

    @overload
    def with_array(layer: Model[ArrayT, ArrayT], pad: int = ...) -> Model[BatchT, BatchT]: ...
    @overload
    def with_array(layer: Model[InArrayT, OutArrayT], pad: int = ...) -> Model[BatchT, Any]: ...


@registry.layers("with_array.v1")
def with_array(layer: Model[InArrayT, OutArrayT], pad: int = 0) -> Model[BatchT, Any]:
    """Give the layer the data of any batch as one array, and put what it returns into a batch of that kind.

    Parameters
    ----------
    layer
        It gets the items of a list one after the other, the data of a Ragged in their original shape, the
        (steps, B, nO) data of a Padded, and an array as it is.
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
    Y, backprop_data = layer(mark_like(Xr.dataXd, Xr), is_train)

    def backprop(dYr: Ragged) -> "Ragged | None":
        dX = backprop_data(dYr.dataXd)
        return None if dX is None else Ragged(dX, dYr.lengths)

    return Ragged(Y, Xr.lengths), backprop


def _forward_padded(layer: Model, Xp: Padded, is_train: bool) -> tuple[Any, Callable]:
    Y, backprop_data = layer(mark_like(Xp.data, Xp), is_train)

    def backprop(dYp: Padded) -> "Padded | None":
        dX = backprop_data(dYp.data)
        return None if dX is None else Padded(dX, dYp.size_at_t, dYp.lengths, dYp.indices)

    return Padded(Y, Xp.size_at_t, Xp.lengths, Xp.indices), backprop


def init(model: Model[SeqT, SeqT], X: SeqT | None = None, Y: SeqT | None = None) -> None:
    init_flat(model, _array(model, X), _array(model, Y))


def _array(model: Model, batch: Any) -> Any:
    if isinstance(batch, (list, tuple)):
        return model.ops.flatten(batch, pad=model.attrs["pad"])
    if isinstance(batch, Ragged):
        return batch.dataXd
    if isinstance(batch, Padded):
        return batch.data
    return batch
