"""resizable: a layer that can be given more outputs after training."""

from typing import Any, Callable, TypeVar

from ..config import registry
from ..model import Model
from ._widths import dims_of

InT = TypeVar("InT")
OutT = TypeVar("OutT")


@registry.layers("resizable.v1")
def resizable(layer: Model[InT, OutT], resize_layer: Callable[..., Any]) -> Model[InT, OutT]:
    """Wrap a layer so that `resize_model` can replace it by a wider one.

    Parameters
    ----------
    layer
        The layer, which is run as it is.
    resize_layer
        ``f(layer, new_nO) -> layer``, for instance `resize_linear_weighted`.
    """
    return Model(
        f"resizable({layer.name})",
        forward,
        init=init,
        layers=[layer],
        attrs={"resize_layer": resize_layer},
        dims=dims_of(layer),
    )


def forward(model: Model[InT, OutT], X: InT, is_train: bool) -> tuple[OutT, Callable[..., Any]]:
    return model.layers[0](X, is_train)


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    model.layers[0].initialize(X=X, Y=Y)


def resize_model(model: Model[InT, OutT], new_nO: int) -> Model[InT, OutT]:
    """Replace the layer inside of a `resizable` by one with ``new_nO`` outputs; return the model.

    The dimensions of the wrapper itself are left alone.
    """
    model.layers[0] = model.attrs["resize_layer"](model.layers[0], new_nO)
    return model


def resize_linear_weighted(
    layer: Model[InT, OutT], new_nO: int, *, fill_defaults: dict[str, Any] | None = None
) -> Model[InT, OutT]:
    """Make a layer like another, with more outputs: the first ones keep their parameters.

    Parameters
    ----------
    layer
        A layer without children, whose parameters have the outputs as their first axis: Linear, Softmax,
        Maxout, SparseLinear_v2. It is not changed, unless it can be returned itself.
    new_nO
        Number of outputs.
    fill_defaults
        Values of the new elements of each parameter, by name; 0 where there is none.

    Returns
    -------
    Model
        A new layer, or the same one if its number of outputs was not known or is ``new_nO`` already.

    Raises
    ------
    ValueError
        If the layer has more outputs than that, or parameters that have them as another axis.
    """
    assert not layer.layers, f"Cannot resize '{layer.name}', which has layers inside: resize one of them."
    assert not layer.ref_names, f"Cannot resize '{layer.name}', which has references: {layer.ref_names}."
    assert not layer.shims, f"Cannot resize '{layer.name}', which runs a network of another framework."
    if layer.has_dim("nO") is None:
        layer.set_dim("nO", new_nO)
        return layer
    old_nO = layer.get_dim("nO")
    if new_nO == old_nO:
        return layer
    if layer.has_dim("nI") is None:  # not initialized
        layer.set_dim("nO", new_nO, force=True)
        return layer
    if new_nO < old_nO:
        raise ValueError(f"Cannot resize '{layer.name}' from {old_nO} outputs to {new_nO}: it can only grow.")
    wider: Model[InT, OutT] = Model(
        layer.name,
        layer._func,
        init=layer.init,
        dims={**dims_of(layer), "nO": new_nO},
        params=dict.fromkeys(layer.param_names),
        attrs=layer.attrs,
        ops=layer.ops,
    )
    wider.initialize()
    for name in layer.param_names:
        if layer.has_param(name):
            old = layer.get_param(name)
            fill = (fill_defaults or {}).get(name, 0)
            shape = wider.get_param(name).shape
            if old.shape[1:] != shape[1:]:
                raise ValueError(
                    f"Cannot resize '{layer.name}': outputs are not the first axis of its parameter '{name}', which "
                    f"would grow from {old.shape} to {shape}."
                )
            new = layer.ops.xp.full(shape, fill, dtype=old.dtype)
            new[: len(old)] = old
            wider.set_param(name, new)
    return wider
