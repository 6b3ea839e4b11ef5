"""Ranges for NVIDIA's profiler."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def use_nvtx_range(message: str, id_color: int = -1) -> Iterator[None]:
    """Mark the block in NVIDIA's profiler, if CuPy is in use; else do nothing.

    Parameters
    ----------
    message : str
        Name of the range.
    id_color : int
        Number of its color, -1 for the default.
    """
    cupy = sys.modules.get("cupy")
    if cupy is None:
        yield
        return
    cupy.cuda.nvtx.RangePush(message, id_color)
    try:
        yield
    finally:
        cupy.cuda.nvtx.RangePop()
