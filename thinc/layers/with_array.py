"""with_array: run a layer that works on arrays on lists, Ragged, Padded and arrays."""

from typing import TYPE_CHECKING, Any, Callable, Union, overload

from .._util.constants import mark_like
from ..config import registry
from ..model import Model
from ..types import ArrayXd, ListXd, Padded, Ragged
from ._flat import Views, check_rows, forward_flat, init_flat
from ._gradients import refusal
from ._typing import TypeVar
from ._widths import dims_of

SeqT = TypeVar("SeqT", Padded, Ragged, ListXd, ArrayXd)
BatchT = TypeVar("BatchT", bound=Union[Padded, Ragged, ListXd, ArrayXd], default=Any)
ArrayT = TypeVar("ArrayT", bound=ArrayXd)
InArrayT = TypeVar("InArrayT", bound=ArrayXd)
OutArrayT = TypeVar("OutArrayT", bound=ArrayXd)

VIEWS = Views(
    of_ragged=lambda Xr: Xr.dataXd,
    of_padded=lambda data: data,
    to_padded=lambda Y, data: Y,
)


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


def forward(model: Model[SeqT, SeqT], X: SeqT, is_train: bool) -> tuple[SeqT, Callable[..., Any]]:
    if isinstance(X, Padded):
        return _forward_padded(model, X, is_train)
    return forward_flat(model, X, is_train, VIEWS)


def _forward_padded(model: Model[Any, Any], Xp: Padded, is_train: bool) -> tuple[Any, Callable[..., Any]]:
    Y, backprop_layer = model.layers[0](mark_like(Xp.data, Xp), is_train)
    check_rows(model, Xp.data, Y)

    def backprop(dYp: Padded) -> "Padded | None":
        try:
            sizes = dYp.size_at_t
        except AttributeError:
            raise refusal(model, "a Padded", dYp) from None
        dX = backprop_layer(dYp.data)
        return None if dX is None else Padded(dX, sizes, dYp.lengths, dYp.indices)

    return Padded(Y, Xp.size_at_t, Xp.lengths, Xp.indices), backprop


def init(model: Model[SeqT, SeqT], X: SeqT | None = None, Y: SeqT | None = None) -> None:
    init_flat(model, X, Y, VIEWS)
