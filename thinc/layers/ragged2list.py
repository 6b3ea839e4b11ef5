"""ragged2list: the sequences of a Ragged array as a list."""

from typing import Any, Callable

from .._util.explain import REFUSALS
from ..config import registry
from ..model import Model
from ..types import ListXd, Ragged
from ._gradients import refusal
from ._kinds import ragged_to_list
from ._typing import TypeVar

ListT = TypeVar("ListT", bound=ListXd, default=Any)


@registry.layers("ragged2list.v1")
def ragged2list() -> Model[Ragged, ListT]:
    """Split a Ragged into a list with one array for each sequence."""
    return Model("ragged2list", forward)  # type: ignore[arg-type]  # forward is for all kinds


def forward(model: Model[Ragged, ListXd], Xr: Ragged, is_train: bool) -> tuple[ListXd, Callable[..., Any]]:
    ops = model.ops
    lengths = Xr.lengths
    Xs = ragged_to_list(model, Xr)

    def backprop(dXs: ListXd) -> Ragged:
        try:
            n = len(dXs)
            data = ops.flatten(dXs)
        except REFUSALS as err:
            raise refusal(model, f"a list of {len(lengths)} arrays", dXs) from err
        if n != len(lengths) and n:
            raise refusal(model, f"a list of {len(lengths)} arrays", dXs)
        return Ragged(data, lengths)

    return Xs, backprop
