"""thinc: functional deep learning with compiled kernels."""

import os
from typing import Any

from .about import __version__
from .config import registry
from .kernels._threads import get_num_threads, set_num_threads

__all__ = ["registry", "get_num_threads", "set_num_threads", "__version__"]


def get_include() -> str:
    """The folder for compilers of other packages: our interface for Cython, and the C++ kernels.

    Returns
    -------
    str
        A folder that holds the public ``thinc/**/*.pxd`` and ``thinc/**/*.hh``, for ``include_dirs`` of an extension
        and ``include_path`` of ``cythonize``. See docs/cython.md.
    """
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "include")


def info() -> dict[str, Any]:
    """What this installation runs on: instruction set, BLAS kernels, threads.

    Returns
    -------
    dict
        Names to plain values, fit for a bug report.
    """
    from ._info import info as collect

    return collect()
