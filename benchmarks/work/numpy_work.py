"""NumPy's own matrix product, run in the process that has our package."""

from __future__ import annotations

from .base import Work
from .data import floats


def gemm(m: int, n: int, k: int, layout: str = "nn") -> Work:
    X = floats(k, m).T if layout[0] == "t" else floats(m, k)
    Y = floats(n, k, seed=1).T if layout[1] == "t" else floats(k, n, seed=1)
    return Work(lambda: X @ Y, check=lambda: [X @ Y])
