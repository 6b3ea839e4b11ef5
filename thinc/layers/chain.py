"""chain: layers one after the other."""

from typing import Any, Callable, TypeVar

from .._util.arrays import get_width
from .._util.constants import is_constant, mark_like
from ..config import registry
from ..model import Model
from ..types import XY_YZ_OutT
from ._widths import copy_dims

InT = TypeVar("InT")
MidT = TypeVar("MidT")
OutT = TypeVar("OutT")


@registry.layers("chain.v1")
def chain_no_types(*layer: Model) -> Model:
    """`chain` for configurations, where no layer has a name of its own."""
    return chain(*layer)


def chain(
    layer1: Model[InT, MidT], layer2: Model[MidT, Any], *layers: Model[Any, Any]
) -> Model[InT, XY_YZ_OutT]:
    """Feed each layer with the output of the one before it: ``chain(f, g)(x) = g(f(x))``.

    Parameters
    ----------
    layer1, layer2, *layers
        Two layers or more. A chain among them stays a node of its own.

    Returns
    -------
    Model
        Named after the layers, ``a>>b``. Widths that no sample and no argument gives are inferred by running
        the layers on the sample at `Model.initialize`.
    """
    all_layers: tuple[Model, ...] = (layer1, layer2, *layers)
    dims = {"nO": all_layers[-1].maybe_get_dim("nO")}
    if layer1.has_dim("nI") is not False:
        dims["nI"] = layer1.maybe_get_dim("nI")
    return Model(
        ">>".join(layer.name for layer in all_layers), forward, init=init, dims=dims, layers=all_layers
    )


def forward(model: Model[InT, OutT], X: InT, is_train: bool) -> tuple[OutT, Callable]:
    callbacks = []
    Y: Any = X
    for layer in model.layers:
        before = Y
        Y, callback = layer(before, is_train)
        callbacks.append(callback)
        if is_constant(before) and not _learns(layer):
            mark_like(Y, before)

    def backprop(dY: OutT) -> InT:
        dX: Any = dY
        for callback in reversed(callbacks):
            dX = callback(dX)
            if dX is None:  # nobody wants it, and nothing before it learns
                break
        return dX

    return Y, backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    """Initialize the layers in order, each with the output of the one before it.

    ``Y`` goes to every layer whose width is not known, hidden ones included.
    """
    layers = model.layers
    if not layers:
        return
    if X is None and Y is None:
        # The layers are drawn twice without samples. It makes no difference to the result but for the state
        # of the random generator, on which seeded programs depend.
        for layer in layers:
            layer.initialize()
        _copy_outer_dims(model)
    sample: Any = X
    for layer in layers:
        if layer.has_dim("nO") is None:
            layer.initialize(X=sample, Y=Y)
        else:
            layer.initialize(X=sample)
        if sample is not None:
            sample = layer.predict(sample)
    _copy_outer_dims(model)
    if model.has_dim("nO") is None and sample is not None:
        try:
            width = get_width(sample)
        except ValueError:  # outputs without a width, such as a list of strings
            return
        model.set_dim("nO", width)


def _learns(layer: Model) -> bool:
    return any(node.param_names or node.shims for node in layer.walk())


def _copy_outer_dims(model: Model) -> None:
    copy_dims(model, model.layers[0], ("nI",))
    if model.has_dim("nO") is None:
        copy_dims(model, model.layers[-1], ("nO",))
