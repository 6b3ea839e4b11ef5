"""Activations on the CPU: check, allocate, release the GIL, call a kernel; other dtypes go to the reference."""
cimport numpy as cnp

from ..kernels._dispatch cimport active, real_kernels
from ._arrays cimport contiguous, empty_like, is_real_array, same_shape

cnp.import_array()

ctypedef fused real:
    float
    double


cdef void relu(real* Y, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), X).activations.relu(Y, X, n)


class CpuActivations:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def relu(self, X, inplace=False):
        if not is_real_array(X) or (inplace and not cnp.PyArray_ISCARRAY(X)):
            return super().relu(X, inplace=inplace)
        cdef cnp.ndarray x = contiguous(X)
        cdef cnp.ndarray y = x if inplace else empty_like(x)
        cdef size_t n = cnp.PyArray_SIZE(x)
        cdef void* out = cnp.PyArray_DATA(y)
        cdef const void* src = cnp.PyArray_DATA(x)
        if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
            with nogil:
                relu[float](<float*>out, <const float*>src, n)
        else:
            with nogil:
                relu[double](<double*>out, <const double*>src, n)
        return y
