"""list2ragged: the items of a list as one Ragged array."""

from typing import Any, Callable

from .._util.explain import REFUSALS
from ..config import registry
from ..model import Model
from ..types import ListXd, Ragged
from ._gradients import refusal, with_inner_shape
from ._transfer import expect_list


@registry.layers("list2ragged.v1")
def list2ragged() -> Model[ListXd, Ragged]:
    """Concatenate the arrays of a list along their first axis, and keep their lengths, in a Ragged."""
    return Model("list2ragged", forward)


def forward(model: Model[ListXd, Ragged], Xs: ListXd, is_train: bool) -> tuple[Ragged, Callable[..., Any]]:
    expect_list(model, Xs)
    ops = model.ops
    Y = ops.flatten(Xs)
    shape = Y.shape

    def backprop(dYr: Ragged) -> ListXd:
        if not isinstance(dYr, Ragged):
            raise refusal(model, "a Ragged", dYr)
        # With its own lengths: a layer behind may have given the sequences others.
        try:
            return ops.unflatten(with_inner_shape(dYr.dataXd, shape), dYr.lengths)
        except REFUSALS as err:
            raise refusal(model, "a Ragged whose lengths fit its rows", dYr) from err

    return Ragged(Y, ops.asarray1i([len(X) for X in Xs])), backprop
