"""Dropout: in training, set a random part of the input to zero and scale up the rest."""

from typing import Any, Callable, cast

from ..config import registry
from ..model import Model
from ..types import Padded, Ragged
from ._batches import unchanged
from ._gradients import expect_gradients, fit_gradient, refusal
from ._typing import TypeVar

InT = TypeVar("InT", default=Any)


@registry.layers("Dropout.v1")
def Dropout(rate: float = 0.0) -> Model[InT, InT]:
    """Dropout (Srivastava et al., 2014): multiply by 0 with probability ``rate``, else by ``1 / (1 - rate)``.

    Every element of an array, of each array of a list, or of the data of a Ragged or Padded is drawn on its
    own. The attributes ``dropout_rate`` and ``is_enabled`` are read at each call. Predictions pass the input
    through.

    Parameters
    ----------
    rate
        Probability of a zero; all are zero at 1 and above.
    """
    return Model("dropout", forward, attrs={"dropout_rate": rate, "is_enabled": True})


def forward(model: Model[InT, InT], X: InT, is_train: bool) -> tuple[InT, Callable[..., Any]]:
    rate = model.attrs["dropout_rate"]
    if not is_train or not rate or not model.attrs["is_enabled"]:
        return X, unchanged
    Y, backprop = _drop(model, X, rate)
    return cast(InT, Y), backprop


def _drop(model: Model[Any, Any], X: Any, rate: float) -> tuple[Any, Callable[..., Any]]:
    if isinstance(X, Ragged):
        Y, backprop_data = _drop_array(model, X.dataXd, rate)

        def backprop_ragged(dY: Ragged) -> Ragged:
            if not isinstance(dY, Ragged):
                raise refusal(model, "a Ragged", dY)
            return Ragged(backprop_data(dY.dataXd), dY.lengths)

        return Ragged(Y, X.lengths), backprop_ragged
    if isinstance(X, Padded):
        Y, backprop_data = _drop_array(model, X.data, rate)

        def backprop_padded(dY: Padded) -> Padded:
            if not isinstance(dY, Padded):
                raise refusal(model, "a Padded", dY)
            return Padded(backprop_data(dY.data), dY.size_at_t, dY.lengths, dY.indices)

        return Padded(Y, X.size_at_t, X.lengths, X.indices), backprop_padded
    if isinstance(X, (list, tuple)):
        pairs = [_drop(model, item, rate) for item in X]

        def backprop_list(dYs: Any) -> Any:
            expect_gradients(model, dYs, len(pairs))
            return [backprop(dY) for (_, backprop), dY in zip(pairs, dYs)]  # noqa: B905

        return [Y for Y, _ in pairs], backprop_list
    return _drop_array(model, X, rate)


def _drop_array(model: Model[Any, Any], X: Any, rate: float) -> tuple[Any, Callable[..., Any]]:
    ops = model.ops
    Y, kept = ops._dropout(X, rate)
    shape = Y.shape
    return Y, lambda dY: ops._backprop_dropout(fit_gradient(model, dY, shape), kept)
