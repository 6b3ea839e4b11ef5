"""with_signpost_interval: show the passes of a layer in Apple's Instruments."""

from functools import partial
from typing import Any, TypeVar

from .. import compat
from ..model import Model
from ._ranges import add_ranges, init_in_range

ModelT = TypeVar("ModelT", bound=Model[Any, Any])


def with_signpost_interval(layer: ModelT, signposter: Any, name: str | None = None) -> ModelT:
    """Put the passes of a layer into intervals named ``<name> init``, ``forward`` and ``backprop``.

    Parameters
    ----------
    layer
        Changed in place; its name and structure stay the same.
    signposter
        An ``os_signpost.Signposter``.
    name
        Of the intervals; that of the layer if None.

    Returns
    -------
    Model
        The same layer.

    Raises
    ------
    ValueError
        If the package os_signpost, which exists for macOS only, is not installed.
    """
    if not compat.has_os_signpost:
        raise ValueError(
            "with_signpost_interval needs the package 'os_signpost', which is not installed. "
            "On macOS, install it with: pip install os-signpost"
        )
    name = layer.name if name is None else name
    forward, backprop, init = (
        partial(signposter.use_interval, f"{name} {what}") for what in ("forward", "backprop", "init")
    )
    add_ranges(layer, forward, backprop, None if layer.init is None else init_in_range(layer.init, init))
    return layer
