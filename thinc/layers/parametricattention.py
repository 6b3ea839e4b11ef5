"""ParametricAttention: weigh the rows of each sequence by how well they match a learned vector."""

from typing import Any, Callable

from .._util.constants import is_constant
from ..config import registry
from ..model import Model
from ..types import Ragged
from ._attention import attend, init_query
from ._batches import with_width
from ._gradients import refusal
from ._kinds import expect_kind
from ._reduce import sequences


@registry.layers("ParametricAttention.v1")
def ParametricAttention(nO: int | None = None) -> Model[Ragged, Ragged]:
    """Weigh rows by attention (Yang et al., 2016): ``Y = X * softmax(X @ Q)``, within each sequence.

    Parameters
    ----------
    nO
        Width of input and output; inferred from a sample at `Model.initialize` if None.
    """
    return Model("para-attn", forward, init=init, params={"Q": None}, dims={"nO": nO})


def forward(model: Model[Ragged, Ragged], Xr: Ragged, is_train: bool) -> tuple[Ragged, Callable[..., Any]]:
    expect_kind(model, Ragged, Xr)
    rows, lengths = sequences(model, Xr)
    X = with_width(rows, model.get_dim("nO"), model.get_param("Q"))
    wants_dX = not is_constant(Xr)
    Y, backprop_attention = attend(model, X, None, lengths, wants_dX)

    def backprop(dYr: Ragged) -> "Ragged | None":
        if not isinstance(dYr, Ragged):
            raise refusal(model, "a Ragged", dYr)
        dX, _ = backprop_attention(dYr.dataXd)
        return None if dX is None else Ragged(dX, Xr.lengths)

    return Ragged(Y, Xr.lengths), backprop


def init(model: Model[Ragged, Ragged], X: Ragged | None = None, Y: Ragged | None = None) -> None:
    init_query(model, X)
