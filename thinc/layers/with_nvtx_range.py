"""with_nvtx_range: show the passes of a layer in NVIDIA's profiler."""

from functools import partial
from typing import Any, TypeVar

from .._util.profiling import use_nvtx_range
from ..model import Model
from ._ranges import add_ranges

ModelT = TypeVar("ModelT", bound=Model[Any, Any])


def with_nvtx_range(
    layer: ModelT, name: str | None = None, *, forward_color: int = -1, backprop_color: int = -1
) -> ModelT:
    """Put the passes of a layer into ranges named ``<name> forward`` and ``<name> backprop``.

    Parameters
    ----------
    layer
        Changed in place; its name and structure stay the same.
    name
        Of the ranges; that of the layer if None.
    forward_color, backprop_color
        Numbers of their colors, -1 for the default.

    Returns
    -------
    Model
        The same layer. Without CuPy it runs as before.
    """
    name = layer.name if name is None else name
    add_ranges(
        layer,
        partial(use_nvtx_range, f"{name} forward", forward_color),
        partial(use_nvtx_range, f"{name} backprop", backprop_color),
        layer.init,
    )
    return layer
