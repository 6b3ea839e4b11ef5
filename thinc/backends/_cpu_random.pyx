"""Dropout on the CPU, by a counter-based generator whose key is one number from NumPy's global one."""
cimport numpy as cnp
from libc.math cimport ceil
from libc.stdint cimport uint32_t, uint64_t

from ..kernels._arrays cimport contiguous, empty1, empty_like, is_real_array
from ..kernels._dispatch cimport active, real_kernels
from ..kernels._threads cimport threads
from ._split cimport split_backprop_dropout, split_dropout, split_dropout_mask

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


cdef class Kept:
    # which elements dropout kept, as kernels/dropout.hh writes it, and what they were multiplied by
    cdef cnp.ndarray bits  # (n / 64, rounded up)
    cdef Py_ssize_t n
    cdef double scale


cdef uint64_t draw_key():
    # One draw of 53 bits, so that numpy's seed decides the mask.
    return <uint64_t>(<double>numpy.random.random() * 9007199254740992.0)


cdef uint32_t threshold_of(double rate):
    # the least random bits of what is kept
    return <uint32_t>min(ceil(rate * 4294967296.0), 4294967295.0)


cdef double scale_of(double rate):
    # rounded as the mask is, of which it is an element
    return <float>(1.0 / (1.0 - rate))


class CpuRandom:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def get_dropout_mask(self, shape, drop):
        cdef double rate = 0.0 if drop is None else drop
        if rate <= 0 or rate >= 1:
            return super().get_dropout_mask(shape, drop)
        if rate != rate:
            raise ValueError("get_dropout_mask: the rate is NaN; expected a number, or None for no dropout")
        cdef cnp.ndarray mask = uninitialized(shape, "float32")
        cdef uint64_t key = draw_key()
        cdef uint32_t threshold = threshold_of(rate)
        cdef float scale = <float>scale_of(rate)
        cdef float* out = <float*>cnp.PyArray_DATA(mask)
        cdef size_t n = cnp.PyArray_SIZE(mask)
        with nogil:
            split_dropout_mask(threads(), active(), out, n, key, threshold, scale)
        return mask

    def _dropout(self, X, drop):
        cdef double rate = drop
        if not 0 < rate < 1 or not is_real_array(X):
            return super()._dropout(X, drop)
        cdef Kept kept = Kept()
        cdef cnp.ndarray x = contiguous(<cnp.ndarray>X), Y = empty_like(x)
        cdef size_t n = cnp.PyArray_SIZE(x)
        kept.n = n
        kept.bits = empty1((n + 63) // 64, cnp.NPY_UINT64)
        kept.scale = scale_of(rate)
        cdef uint64_t key = draw_key()
        cdef uint32_t threshold = threshold_of(rate)
        cdef double scale = kept.scale
        cdef uint64_t* bits = <uint64_t*>cnp.PyArray_DATA(kept.bits)
        cdef void* y = cnp.PyArray_DATA(Y)
        cdef const void* src = cnp.PyArray_DATA(x)
        if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
            with nogil:
                split_dropout(
                    threads(), real_kernels(active(), <const float*>src), <float*>y, bits, <const float*>src, n, key,
                    threshold, <float>scale)
        else:
            with nogil:
                split_dropout(
                    threads(), real_kernels(active(), <const double*>src), <double*>y, bits, <const double*>src, n,
                    key, threshold, scale)
        return Y, kept

    def _backprop_dropout(self, dY, kept):
        if type(kept) is not Kept:
            return super()._backprop_dropout(dY, kept)
        if dY.size != (<Kept>kept).n:
            raise ValueError(f"dropout: expected a gradient of {(<Kept>kept).n} elements, but got shape {dY.shape}")
        if not is_real_array(dY):
            mask = self._backprop_dropout(numpy.ones(dY.shape, "float32"), kept)
            return super()._backprop_dropout(dY, mask)
        cdef cnp.ndarray dy = contiguous(<cnp.ndarray>dY), dX = empty_like(dy)
        cdef size_t n = cnp.PyArray_SIZE(dy)
        cdef const uint64_t* bits = <const uint64_t*>cnp.PyArray_DATA((<Kept>kept).bits)
        cdef double scale = (<Kept>kept).scale
        cdef void* dx = cnp.PyArray_DATA(dX)
        cdef const void* grad = cnp.PyArray_DATA(dy)
        if cnp.PyArray_TYPE(dy) == cnp.NPY_FLOAT32:
            with nogil:
                split_backprop_dropout(
                    threads(), real_kernels(active(), <const float*>grad), <float*>dx, <const float*>grad, bits, n,
                    <float>scale)
        else:
            with nogil:
                split_backprop_dropout(
                    threads(), real_kernels(active(), <const double*>grad), <double*>dx, <const double*>grad, bits, n,
                    scale)
        return dX
