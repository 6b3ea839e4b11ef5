"""with_reshape: run a layer that works on rows on an array with three dimensions."""

from typing import Any, Callable

from .._util.constants import mark_like
from ..config import registry
from ..model import Model
from ..types import Array2d, Array3d
from ._typing import TypeVar
from ._widths import copy_dims

InT = TypeVar("InT", bound=Array3d, default=Any)
InRowsT = TypeVar("InRowsT", bound=Array2d)
OutRowsT = TypeVar("OutRowsT", bound=Array2d)


@registry.layers("with_reshape.v1")
def with_reshape(layer: Model[InRowsT, OutRowsT]) -> Model[InT, InT]:
    """Give the layer an array (B, T, nI) as (B · T, nI); the output is (B, T, nO).

    Parameters
    ----------
    layer
        The layer to run on the rows.
    """
    return Model(
        f"with_reshape({layer.name})", forward, init=init, layers=[layer], dims={"nO": None, "nI": None}
    )


def forward(model: Model[InT, InT], X: InT, is_train: bool) -> tuple[InT, Callable[..., Any]]:  # (B, T, nI)
    Y, backprop_rows = model.layers[0](mark_like(_rows(model, X), X), is_train)

    def backprop(dY: InT) -> Any:
        dX = backprop_rows(_rows(model, dY))
        return None if dX is None else dX.reshape(X.shape)

    return Y.reshape((*X.shape[:2], Y.shape[-1])), backprop


def init(model: Model[InT, InT], X: InT | None = None, Y: InT | None = None) -> None:
    layer = model.layers[0]
    if X is None and Y is None:
        layer.initialize()  # drawn twice, like the layers of a chain
    wants_Y = Y is not None and not layer.has_dim("nO")
    layer.initialize(X=None if X is None else _rows(model, X), Y=_rows(model, Y) if wants_Y else None)
    copy_dims(model, layer, ("nO", "nI"))


def _rows(model: Model[Any, Any], X: Any) -> Any:
    if getattr(X, "ndim", None) != 3:
        got = type(X).__name__ if not hasattr(X, "shape") else f"one of shape {X.shape}"
        raise ValueError(f"{model.name} expects an array with three dimensions, but got {got}.")
    return X.reshape((X.shape[0] * X.shape[1], X.shape[2]))
