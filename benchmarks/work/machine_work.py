"""The machine's own limits on one core: arithmetic, copying, updating. See limits.cc."""

from __future__ import annotations

import ctypes
import functools
import os

import numpy

from .base import Work
from .data import floats


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(os.environ["THINC_BENCH_LIMITS"])
    library.fma_peak.argtypes = [ctypes.c_double]
    library.fma_peak.restype = ctypes.c_float
    library.update.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_size_t]
    library.update.restype = None
    return library


def _address(array: numpy.ndarray) -> int:
    return array.ctypes.data


def fma(m: int, n: int, k: int) -> Work:
    """As many float32 operations as a product of these sizes needs."""
    peak, flops = _library().fma_peak, 2.0 * m * n * k
    return Work(lambda: peak(flops))


def update(n: int) -> Work:
    """Read and write four arrays of n floats."""
    w, m, v, gradient = (floats(n, seed=i) for i in range(4))
    g, call = gradient.copy(), _library().update

    def prepare():
        gradient[:] = g

    return Work(lambda: call(_address(w), _address(m), _address(v), _address(gradient), n), prepare)


def memcpy(n: int, width: int) -> Work:
    """Copy an array of n rows to another."""
    X = floats(n, width)
    out = numpy.ones_like(X)
    return Work(lambda: ctypes.memmove(_address(out), _address(X), X.nbytes))


def memcpy_batches(n: int, width: int, size: int) -> Work:
    """Copy an array of n rows, batch by batch, to one buffer that stays in the cache."""
    X = floats(n, width)
    out = numpy.ones_like(X[:size])

    def run():
        start = _address(X)
        for offset in range(0, X.nbytes, out.nbytes):
            ctypes.memmove(_address(out), start + offset, min(out.nbytes, X.nbytes - offset))

    return Work(run)
