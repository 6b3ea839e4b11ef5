"""ParametricAttention_v2: attention whose scores come from a transformation of the rows."""

from typing import Any, Callable

from .._util.constants import is_constant, mark_like
from ..config import registry
from ..model import Model
from ..types import Floats2d, Ragged
from ._attention import attend, init_query
from ._batches import add_batches, unchanged, with_width
from ._gradients import refusal
from ._kinds import expect_kind
from ._reduce import sequences
from .noop import noop

KEY_TRANSFORM_REF = "key_transform"


@registry.layers("ParametricAttention.v2")
def ParametricAttention_v2(
    *, key_transform: Model[Floats2d, Floats2d] | None = None, nO: int | None = None
) -> Model[Ragged, Ragged]:
    """Weigh rows by attention: ``Y = X * softmax(key_transform(X) @ Q)``, within each sequence.

    Parameters
    ----------
    key_transform
        Makes keys from the rows, of the same width, for instance a `Gelu`; the rows themselves if None.
    nO
        Width of input and output; inferred from a sample at `Model.initialize` if None.
    """
    if key_transform is None:
        key_transform = noop()
    return Model(
        "para-attn",
        forward,
        init=init,
        params={"Q": None},
        dims={"nO": nO},
        refs={KEY_TRANSFORM_REF: key_transform},
        layers=[key_transform],
    )


def forward(model: Model[Ragged, Ragged], Xr: Ragged, is_train: bool) -> tuple[Ragged, Callable[..., Any]]:
    expect_kind(model, Ragged, Xr)
    rows, lengths = sequences(model, Xr)
    X = with_width(rows, model.get_dim("nO"))
    wants_dX = not is_constant(Xr)
    key_transform = model.get_ref(KEY_TRANSFORM_REF)
    K, backprop_key = key_transform(mark_like(X, Xr), is_train)
    # A noop, the default: the keys are the rows, and all gradients come as one.
    is_noop = backprop_key is unchanged and K is X
    Y, backprop_attention = attend(model, X, None if is_noop else K, lengths, wants_dX)

    def backprop(dYr: Ragged) -> "Ragged | None":
        if not isinstance(dYr, Ragged):
            raise refusal(model, "a Ragged", dYr)
        dX, dK = backprop_attention(dYr.dataXd)
        if not is_noop:
            dX_key = backprop_key(dK)
            dX = None if dX is None else add_batches(model.ops, dX, dX_key)
        return None if dX is None else Ragged(dX, Xr.lengths)

    return Ragged(Y, Xr.lengths), backprop


def init(model: Model[Ragged, Ragged], X: Ragged | None = None, Y: Ragged | None = None) -> None:
    init_query(model, X)
    key_transform = model.get_ref(KEY_TRANSFORM_REF)
    if key_transform.has_dim("nO") is not False:
        key_transform.set_dim("nO", model.get_dim("nO"))
    # Keys are as wide as the rows, which Y may not be: in a chain it is what the last layer is to return.
    rows = X if X is not None else Y
    key_transform.initialize(
        X=None if X is None else X.dataXd, Y=rows.dataXd if isinstance(rows, Ragged) else None
    )
