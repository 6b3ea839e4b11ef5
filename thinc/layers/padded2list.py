"""padded2list: the sequences of a Padded batch as a list, in their original order."""

from typing import Any, Callable

from .._util.explain import REFUSALS
from ..config import registry
from ..model import Model
from ..types import List2d, Padded
from ._gradients import refusal
from ._kinds import check_padded
from ._typing import TypeVar

ListT = TypeVar("ListT", bound=List2d, default=Any)


@registry.layers("padded2list.v1")
def padded2list() -> Model[Padded, ListT]:
    """Take the sequences out of a Padded batch, in the order in which they went in."""
    return Model("padded2list", forward)  # type: ignore[arg-type]  # forward is for all kinds


def forward(model: Model[Padded, List2d], Xp: Padded, is_train: bool) -> tuple[List2d, Callable[..., Any]]:
    ops = model.ops
    check_padded(model, Xp)
    n = len(Xp.lengths)

    def backprop(dXs: List2d) -> Padded:
        try:
            n_items = len(dXs)
            dY = ops.list2padded(dXs)
        except REFUSALS as err:
            raise refusal(model, f"a list of {n} arrays", dXs) from err
        if n_items != n and n_items:
            raise refusal(model, f"a list of {n} arrays", dXs)
        return dY

    return ops.padded2list(Xp), backprop
