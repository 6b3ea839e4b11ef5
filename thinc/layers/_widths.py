"""What initialization learns from samples: the widths of inputs and outputs."""

from collections.abc import Iterable
from types import FunctionType
from typing import Any

from .._util.arrays import get_width
from ..model import Model


def set_widths(model: Model[Any, Any], **samples: Any) -> None:
    """Set each named dimension to the width of its sample, if there is one: all of them or none.

    Raises
    ------
    ValueError
        If a dimension is already set to another value.
    """
    widths = {name: get_width(sample) for name, sample in samples.items() if sample is not None}
    # Those that can refuse a change go first.
    for name in sorted(widths, key=lambda name: not model.has_dim(name)):
        model.set_dim(name, widths[name])


def fill_widths(models: list[Model[Any, Any]], name: str, sample: Any) -> None:
    """Set the dimension in those models where it is registered, but unset, to the width of the sample.

    A sample of ids says nothing about a width: the largest of them is no property of the layer.
    """
    if sample is None or _is_ids(sample):
        return
    unset = [model for model in models if model.has_dim(name) is None]
    if unset:
        width = get_width(sample)
        for model in unset:
            model.set_dim(name, width)


def copy_dims(model: Model[Any, Any], layer: Model[Any, Any], names: tuple[str, ...]) -> None:
    """Take over those dimensions that the layer knows and the model has registered.

    Raises
    ------
    ValueError
        If the model has a dimension set to another value.
    """
    for name in names:
        if layer.has_dim(name) and model.has_dim(name) is not False:
            model.set_dim(name, layer.get_dim(name))


def check_layers(combinator: str, layers: Iterable[Any]) -> None:
    """TypeError unless what is to be combined are models, and not, say, a function that makes one."""
    for layer in layers:
        if not isinstance(layer, Model):
            remedy = f": call it, {layer.__name__}(...)" if isinstance(layer, FunctionType) else ""
            raise TypeError(f"{combinator} expects models, each as an argument, but got {layer!r}{remedy}")


def _is_ids(sample: Any) -> bool:
    if isinstance(sample, (list, tuple)):
        return bool(sample) and _is_ids(sample[0])
    dtype = getattr(sample, "dtype", None)
    return dtype is not None and dtype.kind in "iu" and sample.ndim == 1


def dims_of(layer: Model[Any, Any]) -> dict[str, int | None]:
    """Return every dimension of the layer, for the wrapper to expose."""
    return {name: layer.maybe_get_dim(name) for name in layer.dim_names}
