"""with_array2d: run a layer that works on rows on lists, Ragged, Padded and arrays."""

from typing import TYPE_CHECKING, Any, Callable, Union, overload

from ..config import registry
from ..model import Model
from ..types import Array2d, List2d, Padded, Ragged
from ._batches import rows_of
from ._flat import Views, forward_flat, init_flat
from ._typing import TypeVar
from ._widths import dims_of

SeqT = TypeVar("SeqT", Padded, Ragged, List2d, Array2d)
BatchT = TypeVar("BatchT", bound=Union[Padded, Ragged, List2d, Array2d], default=Any)
ArrayT = TypeVar("ArrayT", bound=Array2d)
InArrayT = TypeVar("InArrayT", bound=Array2d)
OutArrayT = TypeVar("OutArrayT", bound=Array2d)

VIEWS = Views(
    of_ragged=rows_of,
    of_padded=lambda data: data.reshape((data.shape[0] * data.shape[1], data.shape[2])),
    to_padded=lambda Y, data: Y.reshape((*data.shape[:2], Y.shape[1])),
)


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


def forward(model: Model[SeqT, SeqT], X: SeqT, is_train: bool) -> tuple[SeqT, Callable[..., Any]]:
    return forward_flat(model, X, is_train, VIEWS)


def init(model: Model[SeqT, SeqT], X: SeqT | None = None, Y: SeqT | None = None) -> None:
    init_flat(model, X, Y, VIEWS)
