"""clone: a layer and copies of it, one after the other."""

from typing import TypeVar

from ..config import registry
from ..model import Model
from ._widths import check_layers
from .chain import chain
from .noop import noop

InT = TypeVar("InT")
OutT = TypeVar("OutT")


@registry.layers("clone.v1")
def clone(orig: Model[InT, OutT], n: int) -> Model[InT, OutT]:
    """Chain ``orig`` and n - 1 copies of it, which have parameters of their own.

    Parameters
    ----------
    orig
        The first layer.
    n
        Number of layers. 1 gives ``orig`` itself, and 0 a layer that passes its input through.

    Raises
    ------
    TypeError
        If ``n`` is negative.
    """
    check_layers("clone", [orig])
    if n < 0:
        raise TypeError(f"clone: cannot chain {n} copies of '{orig.name}': the number must be 0 or more.")
    if n == 0:
        return noop()
    if n == 1:
        return orig
    return chain(*(orig, *(orig.copy() for _ in range(n - 1))))
