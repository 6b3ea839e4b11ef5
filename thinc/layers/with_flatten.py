"""with_flatten: run a layer that turns a list into an array on a list of lists."""

from itertools import chain
from typing import Any, Callable, List, Sequence, TypeVar

from .._util.explain import REFUSALS
from ..config import registry
from ..model import Model
from ..types import ArrayXd, ListXd
from ._gradients import expect_gradients, refusal

ItemT = TypeVar("ItemT")
ArrayT = TypeVar("ArrayT", bound=ArrayXd)


@registry.layers("with_flatten.v1")
def with_flatten(layer: Model[Sequence[ItemT], ArrayT]) -> Model[Sequence[Sequence[ItemT]], List[ArrayT]]:
    """Give the layer the items of all inner sequences as one list, and split the array that it returns.

    Parameters
    ----------
    layer
        From a list of any items to an array with a row for each.
    """
    name = f"with_flatten({layer.name})"
    return Model(name, forward, init=init, layers=[layer])  # type: ignore[arg-type]  # forward is for all kinds


def forward(
    model: Model[Sequence[Sequence[ItemT]], ListXd], Xnest: Sequence[Sequence[ItemT]], is_train: bool
) -> tuple[ListXd, Callable[..., Any]]:
    ops = model.ops
    lengths = [len(Xs) for Xs in Xnest]
    Y, backprop_flat = model.layers[0](list(chain(*Xnest)), is_train)

    def backprop(dYs: ListXd) -> Any:
        dX = backprop_flat(_rows_of_gradient(model, dYs, len(lengths)))
        return ops.unflatten(dX, lengths) if hasattr(dX, "shape") else nest(dX, lengths)

    return ops.unflatten(Y, lengths), backprop


def nest(items: Any, lengths: list[int]) -> Any:
    """Split a list or array into parts of these lengths; None and an empty list, for "no gradient", stay so."""
    if items is None or (len(items) == 0 and any(lengths)):
        return items
    items = list(items) if isinstance(items, tuple) else items
    nested, start = [], 0
    for length in lengths:
        nested.append(items[start : start + length])
        start += length
    return nested


def init(
    model: Model[Sequence[Sequence[ItemT]], ListXd],
    X: Sequence[Sequence[ItemT]] | None = None,
    Y: ListXd | None = None,
) -> None:
    model.layers[0].initialize(
        X=None if X is None else list(chain(*X)), Y=None if Y is None else _rows(model, Y)
    )


def _rows_of_gradient(model: Model[Any, Any], dYs: Any, n: int) -> Any:
    expect_gradients(model, dYs, n)
    try:
        return _rows(model, dYs)
    except REFUSALS as err:
        raise refusal(model, f"a list of {n} arrays", dYs) from err


def _rows(model: Model[Any, Any], items: ListXd) -> ArrayXd:
    return model.ops.xp.concatenate(items, axis=0) if items else model.ops.alloc2f(0, 0)
