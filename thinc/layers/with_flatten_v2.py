"""with_flatten_v2: run a layer that works on a list on a list of lists."""

from itertools import chain
from typing import Any, Callable, List, TypeVar

from ..config import registry
from ..model import Model
from ._gradients import expect_gradients
from .with_flatten import check_number, nest

InItemT = TypeVar("InItemT")
OutItemT = TypeVar("OutItemT")


@registry.layers("with_flatten.v2")
def with_flatten_v2(
    layer: Model[List[InItemT], List[OutItemT]],
) -> Model[List[List[InItemT]], List[List[OutItemT]]]:
    """Give the layer the items of all inner lists as one list, and split the list that it returns likewise.

    Parameters
    ----------
    layer
        From a list of any items to a list with an item for each.
    """
    return Model(f"with_flatten({layer.name})", forward, init=init, layers=[layer])


def forward(
    model: Model[List[List[InItemT]], List[List[OutItemT]]], Xnest: List[List[InItemT]], is_train: bool
) -> tuple[List[List[OutItemT]], Callable[..., Any]]:
    lengths = [len(Xs) for Xs in Xnest]
    Ys, backprop_flat = model.layers[0](list(chain(*Xnest)), is_train)
    check_number(model, Ys, lengths)

    def backprop(dYnest: "List[List[OutItemT]]") -> "List[List[InItemT]]":
        expect_gradients(model, dYnest, len(lengths))
        return nest(backprop_flat(list(chain(*dYnest))), lengths)

    return nest(Ys, lengths), backprop


def init(
    model: Model[List[List[InItemT]], List[List[OutItemT]]],
    X: List[List[InItemT]] | None = None,
    Y: List[List[OutItemT]] | None = None,
) -> None:
    model.layers[0].initialize(
        X=None if X is None else list(chain(*X)), Y=None if Y is None else list(chain(*Y))
    )
