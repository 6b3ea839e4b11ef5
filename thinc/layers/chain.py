"""chain: layers one after the other."""

from typing import TYPE_CHECKING, Any, Callable, TypeVar, overload

from .._model_tree import nodes_of
from .._util.arrays import get_width
from .._util.constants import has_constants, is_constant, knows_constants, mark_like
from ..config import registry
from ..model import Model
from ..types import XY_YZ_OutT
from ._widths import check_layers, copy_dims, has_width

InT = TypeVar("InT")
MidT = TypeVar("MidT")
OutT = TypeVar("OutT")

if TYPE_CHECKING:
    from ._typing import Layer

    Mid2T = TypeVar("Mid2T")
    Mid3T = TypeVar("Mid3T")
    Mid4T = TypeVar("Mid4T")
    Mid5T = TypeVar("Mid5T")
    Mid6T = TypeVar("Mid6T")
    Mid7T = TypeVar("Mid7T")
    Mid8T = TypeVar("Mid8T")
    Mid9T = TypeVar("Mid9T")


@registry.layers("chain.v1")
def chain_no_types(*layer: Model) -> Model:  # type: ignore[type-arg]
    """`chain` for configurations, where no layer has a name of its own."""
    return chain(*layer)


# What chain takes and returns; the annotations below are for those who look at run time.
# fmt: off
if TYPE_CHECKING:
    @overload
    def chain(layer1: Layer[InT, MidT], layer2: Layer[MidT, XY_YZ_OutT]) -> Model[InT, XY_YZ_OutT]: ...

    @overload
    def chain(
        layer1: Layer[InT, MidT], layer2: Layer[MidT, Mid2T], layer3: Layer[Mid2T, XY_YZ_OutT], /
    ) -> Model[InT, XY_YZ_OutT]: ...

    @overload
    def chain(
        layer1: Layer[InT, MidT], layer2: Layer[MidT, Mid2T], layer3: Layer[Mid2T, Mid3T],
        layer4: Layer[Mid3T, XY_YZ_OutT], /
    ) -> Model[InT, XY_YZ_OutT]: ...

    @overload
    def chain(
        layer1: Layer[InT, MidT], layer2: Layer[MidT, Mid2T], layer3: Layer[Mid2T, Mid3T],
        layer4: Layer[Mid3T, Mid4T], layer5: Layer[Mid4T, XY_YZ_OutT], /
    ) -> Model[InT, XY_YZ_OutT]: ...

    @overload
    def chain(
        layer1: Layer[InT, MidT], layer2: Layer[MidT, Mid2T], layer3: Layer[Mid2T, Mid3T],
        layer4: Layer[Mid3T, Mid4T], layer5: Layer[Mid4T, Mid5T], layer6: Layer[Mid5T, XY_YZ_OutT], /
    ) -> Model[InT, XY_YZ_OutT]: ...

    @overload
    def chain(
        layer1: Layer[InT, MidT], layer2: Layer[MidT, Mid2T], layer3: Layer[Mid2T, Mid3T],
        layer4: Layer[Mid3T, Mid4T], layer5: Layer[Mid4T, Mid5T], layer6: Layer[Mid5T, Mid6T],
        layer7: Layer[Mid6T, XY_YZ_OutT], /
    ) -> Model[InT, XY_YZ_OutT]: ...

    @overload
    def chain(
        layer1: Layer[InT, MidT], layer2: Layer[MidT, Mid2T], layer3: Layer[Mid2T, Mid3T],
        layer4: Layer[Mid3T, Mid4T], layer5: Layer[Mid4T, Mid5T], layer6: Layer[Mid5T, Mid6T],
        layer7: Layer[Mid6T, Mid7T], layer8: Layer[Mid7T, XY_YZ_OutT], /
    ) -> Model[InT, XY_YZ_OutT]: ...

    @overload
    def chain(
        layer1: Layer[InT, MidT], layer2: Layer[MidT, Mid2T], layer3: Layer[Mid2T, Mid3T],
        layer4: Layer[Mid3T, Mid4T], layer5: Layer[Mid4T, Mid5T], layer6: Layer[Mid5T, Mid6T],
        layer7: Layer[Mid6T, Mid7T], layer8: Layer[Mid7T, Mid8T], layer9: Layer[Mid8T, XY_YZ_OutT], /
    ) -> Model[InT, XY_YZ_OutT]: ...

    @overload
    def chain(
        layer1: Layer[InT, MidT], layer2: Layer[MidT, Mid2T], layer3: Layer[Mid2T, Mid3T],
        layer4: Layer[Mid3T, Mid4T], layer5: Layer[Mid4T, Mid5T], layer6: Layer[Mid5T, Mid6T],
        layer7: Layer[Mid6T, Mid7T], layer8: Layer[Mid7T, Mid8T], layer9: Layer[Mid8T, Mid9T],
        layer10: Layer[Mid9T, XY_YZ_OutT], /
    ) -> Model[InT, XY_YZ_OutT]: ...

    @overload  # more, or a list of unknown length: layers of one kind
    def chain(
        layer1: Model[InT, InT], layer2: Model[InT, InT], layer3: Model[InT, InT],
        layer4: Model[InT, InT], layer5: Model[InT, InT], layer6: Model[InT, InT],
        layer7: Model[InT, InT], layer8: Model[InT, InT], layer9: Model[InT, InT],
        layer10: Model[InT, InT], layer11: Model[InT, InT], /, *layers: Model[InT, InT]
    ) -> Model[InT, InT]: ...

    @overload
    def chain(
        layer1: Layer[InT, Any], layer2: Layer[Any, Any], layer3: Layer[Any, Any],
        layer4: Layer[Any, Any], layer5: Layer[Any, Any], layer6: Layer[Any, Any],
        layer7: Layer[Any, Any], layer8: Layer[Any, Any], layer9: Layer[Any, Any],
        layer10: Layer[Any, Any], layer11: Layer[Any, Any], /, *layers: Layer[Any, Any]
    ) -> Model[InT, Any]: ...
# fmt: on


def chain(  # type: ignore[misc]  # every Layer is a Model
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
    all_layers: tuple[Model[Any, Any], ...] = (layer1, layer2, *layers)
    check_layers("chain", all_layers)
    dims = {"nO": all_layers[-1].maybe_get_dim("nO")}
    if layer1.has_dim("nI") is not False:
        dims["nI"] = layer1.maybe_get_dim("nI")
    return Model(
        ">>".join(layer.name for layer in all_layers), forward, init=init, dims=dims, layers=all_layers
    )


def forward(model: Model[InT, OutT], X: InT, is_train: bool) -> tuple[OutT, Callable[..., Any]]:
    callbacks = []
    Y: Any = X
    constants = may_leave_out = has_constants()
    for layer in model.layers:
        before = Y
        Y, callback = layer(before, is_train)
        callbacks.append(callback)
        if constants:  # until the first layer that learns
            constants = is_constant(before) and not _learns(layer)
            if constants:
                mark_like(Y, before)
    callbacks.reverse()

    def backprop(dY: OutT) -> InT:
        dX: Any = dY
        for callback in callbacks:
            dX = callback(dX)
            if dX is None:  # nobody wants it, and nothing before it learns
                if not may_leave_out:
                    _expect_nothing_to_learn(model, callbacks.index(callback))
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
    if model.has_dim("nO") is None and has_width(sample):
        try:
            width = get_width(sample)
        except ValueError:  # outputs without a width, such as a list of strings
            return
        model.set_dim("nO", width)


def _expect_nothing_to_learn(model: Model[Any, Any], n_done: int) -> None:
    """Raise a ValueError if there are layers to train before the one that returned no gradient, n_done from the end.

    Layers of this package know what they do: of ids, for instance, there is no gradient.
    """
    *before, layer = model.layers[: len(model.layers) - n_done]
    is_ours = all(knows_constants(node._func) for node in nodes_of(layer))
    if not is_ours and any(map(_learns, before)):
        raise ValueError(
            f"{model.name}: the backward pass of '{layer.name}' returned None, but layers before it have parameters "
            "to learn. Expected the gradient of its input: is there a 'return' in its callback?"
        )


def _learns(layer: Model[Any, Any]) -> bool:
    return bool(layer._has_params) or any(node._has_params or node._shims for node in nodes_of(layer))


def _copy_outer_dims(model: Model[Any, Any]) -> None:
    copy_dims(model, model.layers[0], ("nI",))
    if model.has_dim("nO") is None:
        copy_dims(model, model.layers[-1], ("nO",))
