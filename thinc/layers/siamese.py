"""siamese: one layer on both items of a pair, and a measure of how similar its outputs are."""

from typing import Any, Callable, Tuple, TypeVar

from ..config import registry
from ..model import Model
from ._widths import copy_dims, fill_widths

LayerT = TypeVar("LayerT")
SimT = TypeVar("SimT")
OutT = TypeVar("OutT")


@registry.layers("siamese.v1")
def siamese(
    layer: Model[LayerT, SimT], similarity: Model[Tuple[SimT, SimT], OutT]
) -> Model[Tuple[LayerT, LayerT], OutT]:
    """Encode both items of a pair with the same layer and compare them (Bromley et al., 1993).

    Parameters
    ----------
    layer
        Encodes one batch of items.
    similarity
        Takes a pair of encoded batches, for instance `CauchySimilarity`.
    """
    return Model(
        f"siamese({layer.name}, {similarity.name})",
        forward,
        init=init,
        layers=[layer, similarity],
        dims={"nI": layer.maybe_get_dim("nI"), "nO": similarity.maybe_get_dim("nO")},
    )


def forward(
    model: Model[Tuple[LayerT, LayerT], OutT], X1_X2: Tuple[LayerT, LayerT], is_train: bool
) -> tuple[OutT, Callable[..., Any]]:
    layer, similarity = model.layers
    X1, X2 = X1_X2
    vec1, backprop_vec1 = layer(X1, is_train)
    vec2, backprop_vec2 = layer(X2, is_train)
    Y, backprop_similarity = similarity((vec1, vec2), is_train)

    def backprop(dY: OutT) -> "Tuple[LayerT, LayerT]":
        d_vec1, d_vec2 = backprop_similarity(dY)
        return backprop_vec1(d_vec1), backprop_vec2(d_vec2)

    return Y, backprop


def init(
    model: Model[Tuple[LayerT, LayerT], OutT],
    X: Tuple[LayerT, LayerT] | None = None,
    Y: OutT | None = None,
) -> None:
    layer, similarity = model.layers
    if X is None:
        layer.initialize()
        similarity.initialize(Y=Y)
    else:
        fill_widths([layer], "nI", X[0])
        layer.initialize(X=X[0])
        similarity.initialize(X=(layer.predict(X[0]), layer.predict(X[1])), Y=Y)
    copy_dims(model, layer, ("nI",))
    copy_dims(model, similarity, ("nO",))
