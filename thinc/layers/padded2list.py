"""padded2list: the sequences of a Padded batch as a list, in their original order."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import List2d, Padded
from ._typing import TypeVar

ListT = TypeVar("ListT", bound=List2d, default=Any)


@registry.layers("padded2list.v1")
def padded2list() -> Model[Padded, ListT]:
    """Take the sequences out of a Padded batch, in the order in which they went in."""
    return Model("padded2list", forward)  # type: ignore[arg-type]  # forward is for all kinds


def forward(model: Model[Padded, List2d], Xp: Padded, is_train: bool) -> tuple[List2d, Callable]:
    ops = model.ops

    def backprop(dXs: List2d) -> Padded:
        return ops.list2padded(dXs)

    return ops.padded2list(Xp), backprop
