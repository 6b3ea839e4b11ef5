"""residual: a layer with a connection around it, Y = X + layer(X)."""

from typing import Any, Callable, TypeVar

from ..config import registry
from ..model import Model
from ._batches import sum_batches
from ._widths import check_layers, copy_dims

InT = TypeVar("InT")


@registry.layers("residual.v1")
def residual(layer: Model[InT, InT]) -> Model[InT, InT]:
    """Add the input of a layer to its output (He et al., 2015, arXiv:1512.03385).

    Parameters
    ----------
    layer
        With outputs as wide as its inputs: arrays, lists, Ragged or Padded.
    """
    check_layers("residual", [layer])
    return Model(
        f"residual({layer.name})",
        forward,
        init=init,
        layers=[layer],
        dims={"nO": layer.maybe_get_dim("nO"), "nI": layer.maybe_get_dim("nI")},
    )


def forward(model: Model[InT, InT], X: InT, is_train: bool) -> tuple[InT, Callable[..., Any]]:
    terms: list[Any] = [X, None]
    terms[1], backprop_layer = model.layers[0](X, is_train)

    def backprop(dY: InT) -> InT:
        return sum_batches(model.ops, [dY, backprop_layer(dY)])

    return sum_batches(model.ops, terms), backprop


def init(model: Model[InT, InT], X: InT | None = None, Y: InT | None = None) -> None:
    layer = model.layers[0]
    layer.initialize(X=X, Y=Y if layer.has_dim("nO") is None else None)
    copy_dims(model, layer, ("nO", "nI"))
