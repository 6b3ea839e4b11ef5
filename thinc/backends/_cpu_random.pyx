"""Dropout masks on the CPU, by a counter-based generator whose key is one number from NumPy's global one."""
cimport numpy as cnp
from libc.math cimport ceil
from libc.stdint cimport uint32_t, uint64_t

from ..kernels._dispatch cimport active
from ..kernels._arrays cimport empty1
from ..kernels._threads cimport threads
from ._split cimport split_dropout_mask

import numpy

from ..kernels._memory import uninitialized

cnp.import_array()


def random_bits(Py_ssize_t n, uint64_t key, uint64_t first=0):
    """Elements `first` to ``first + n`` of the stream of `key`: uint32 ``(n,)``; `first` divisible by 64."""
    if n < 0 or first % 64:
        raise ValueError(f"random_bits: expected n >= 0 and first divisible by 64, but got {n} and {first}")
    cdef cnp.ndarray bits = empty1(n, cnp.NPY_UINT32)
    cdef uint32_t* out = <uint32_t*>cnp.PyArray_DATA(bits)
    with nogil:
        active().random.bits(out, n, key, first)
    return bits


class CpuRandom:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def get_dropout_mask(self, shape, drop):
        cdef double rate = 0.0 if drop is None else drop
        if rate <= 0 or rate >= 1:
            return super().get_dropout_mask(shape, drop)
        if rate != rate:
            raise ValueError("get_dropout_mask: the rate is NaN; expected a number, or None for no dropout")
        cdef cnp.ndarray mask = uninitialized(shape, "float32")
        # One draw of 53 bits, so that numpy's seed decides the mask.
        cdef uint64_t key = <uint64_t>(<double>numpy.random.random() * 9007199254740992.0)
        cdef double bound = ceil(rate * 4294967296.0)
        cdef uint32_t threshold = <uint32_t>min(bound, 4294967295.0)
        cdef float scale = <float>(1.0 / (1.0 - rate))
        cdef float* out = <float*>cnp.PyArray_DATA(mask)
        cdef size_t n = cnp.PyArray_SIZE(mask)
        with nogil:
            split_dropout_mask(threads(), active(), out, n, key, threshold, scale)
        return mask
