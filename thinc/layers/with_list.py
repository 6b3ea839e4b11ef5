"""with_list: run a layer that works on lists on Ragged and Padded, too."""

from typing import TYPE_CHECKING, Any, Callable, Union, overload

from ..config import registry
from ..model import Model
from ..types import List2d, ListXd, Padded, Ragged
from ._batches import unchanged
from ._kinds import check_padded, forward_as, init_as, list_to_ragged, ragged_to_list
from ._typing import TypeVar
from ._widths import dims_of

SeqT = TypeVar("SeqT", Padded, Ragged, ListXd)
BatchT = TypeVar("BatchT", bound=Union[Padded, Ragged, ListXd], default=Any)
ListT = TypeVar("ListT", bound=List2d)
InListT = TypeVar("InListT", bound=List2d)
OutListT = TypeVar("OutListT", bound=List2d)


if TYPE_CHECKING:  # a layer that changes the kind of array changes that of the items of a list, too

    @overload
    def with_list(layer: Model[ListT, ListT]) -> Model[BatchT, BatchT]: ...
    @overload
    def with_list(layer: Model[InListT, OutListT]) -> Model[BatchT, Any]: ...


@registry.layers("with_list.v1")
def with_list(layer: Model[InListT, OutListT]) -> Model[BatchT, Any]:
    """Give the layer the sequences of a batch as a list, and put what it returns into a batch of that kind.

    Parameters
    ----------
    layer
        It gets one array for each sequence of a Ragged or Padded, and anything else as it is.
    """
    return Model(f"with_list({layer.name})", forward, init=init, layers=[layer], dims=dims_of(layer))


def forward(model: Model[SeqT, SeqT], X: SeqT, is_train: bool) -> tuple[SeqT, Callable[..., Any]]:
    return forward_as(_convert, model, X, is_train)


def init(model: Model[SeqT, SeqT], X: SeqT | None = None, Y: SeqT | None = None) -> None:
    init_as(_convert, model, X, Y)


def _convert(model: Model[Any, Any], X: Any) -> tuple[Any, Callable[..., Any]]:
    ops = model.ops
    if isinstance(X, Padded):
        check_padded(model, X)
        return ops.padded2list(X), lambda Ys: ops._list2padded_like(Ys, X)
    if isinstance(X, Ragged):
        return ragged_to_list(model, X), lambda Ys: list_to_ragged(ops, Ys)
    return X, unchanged
