"""with_ragged: run a layer that works on Ragged on lists, Padded and pairs of data and lengths, too."""

from typing import Any, Callable, Tuple, Union

from ..config import registry
from ..model import Model
from ..types import Array2d, Ints1d, ListXd, Padded, Ragged
from ._batches import unchanged
from ._kinds import expect_sequences, forward_as, init_as, list_to_ragged, padded_as_ragged
from ._typing import TypeVar

RaggedData = Tuple[Array2d, Ints1d]
SeqT = TypeVar("SeqT", Ragged, Padded, ListXd, RaggedData)
BatchT = TypeVar("BatchT", bound=Union[Ragged, Padded, ListXd, RaggedData], default=Any)


@registry.layers("with_ragged.v1")
def with_ragged(layer: Model[Ragged, Ragged]) -> Model[BatchT, BatchT]:
    """Give the layer any batch as a Ragged, and put what it returns into a batch of the kind it came in.

    Parameters
    ----------
    layer
        It gets the items of a list one after the other, the sequences of a Padded in their original order,
        and the pair (data, lengths) as the Ragged that it describes.
    """
    return Model(f"with_ragged({layer.name})", forward, init=init, layers=[layer])


def forward(model: Model[SeqT, SeqT], X: SeqT, is_train: bool) -> tuple[SeqT, Callable[..., Any]]:
    return forward_as(_convert, model, X, is_train)


def init(model: Model[SeqT, SeqT], X: SeqT | None = None, Y: SeqT | None = None) -> None:
    init_as(_convert, model, X, Y)


def _convert(model: Model[Any, Any], X: Any) -> tuple[Ragged, Callable[..., Any]]:
    ops = model.ops
    if isinstance(X, Ragged):
        return X, unchanged
    if isinstance(X, Padded):
        return padded_as_ragged(model, X)
    if _is_ragged_data(X):
        return Ragged(*X), lambda Yr: (Yr.dataXd, Yr.lengths)
    expect_sequences(model, "a Ragged, a Padded, a pair (data, lengths)", X)
    return list_to_ragged(ops, X), lambda Yr: ops.unflatten(Yr.dataXd, Yr.lengths)


def _is_ragged_data(X: Any) -> bool:
    return isinstance(X, tuple) and len(X) == 2 and getattr(X[1], "ndim", None) == 1
