"""ragged2list: the sequences of a Ragged array as a list."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import ListXd, Ragged
from ._typing import TypeVar

ListT = TypeVar("ListT", bound=ListXd, default=Any)


@registry.layers("ragged2list.v1")
def ragged2list() -> Model[Ragged, ListT]:
    """Split a Ragged into a list with one array for each sequence."""
    return Model("ragged2list", forward)  # type: ignore[arg-type]  # forward is for all kinds


def forward(model: Model[Ragged, ListXd], Xr: Ragged, is_train: bool) -> tuple[ListXd, Callable]:
    ops = model.ops
    lengths = Xr.lengths

    def backprop(dXs: ListXd) -> Ragged:
        return Ragged(ops.flatten(dXs), lengths)

    return ops.unflatten(Xr.dataXd, lengths), backprop
