"""thinc: functional deep learning with compiled kernels."""

from typing import Any

from .about import __version__
from .config import registry

__all__ = ["registry", "__version__"]


def info() -> dict[str, Any]:
    """What this installation runs on: instruction set, BLAS kernels, threads.

    Returns
    -------
    dict
        Names to plain values, fit for a bug report.
    """
    from ._info import info as collect

    return collect()
