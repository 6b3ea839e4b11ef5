"""Maxout on the CPU: check, allocate, release the GIL, call a kernel; other dtypes go to the reference."""
cimport numpy as cnp
from libc.stdint cimport int32_t

from ..kernels._dispatch cimport active, real_kernels
from ..kernels._memory cimport empty
from ..kernels._arrays cimport contiguous, empty2, is_real_array, same_shape
from ..kernels._threads cimport threads
from ._split cimport split_backprop_maxout, split_maxout

cnp.import_array()


class CpuMaxout:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def maxout(self, cnp.ndarray X not None):
        # empty arrays and other ranks are the reference's
        if not is_real_array(X) or cnp.PyArray_NDIM(<cnp.ndarray>X) != 3:
            return super().maxout(X)
        cdef cnp.ndarray x = contiguous(X)
        if cnp.PyArray_SIZE(x) == 0:
            return super().maxout(X)
        cdef size_t B = cnp.PyArray_DIM(x, 0), O = cnp.PyArray_DIM(x, 1), P = cnp.PyArray_DIM(x, 2)
        cdef cnp.ndarray best = empty2(B, O, cnp.PyArray_TYPE(x)), which = empty2(B, O, cnp.NPY_INT32)
        cdef void* y = cnp.PyArray_DATA(best)
        cdef int32_t* w = <int32_t*>cnp.PyArray_DATA(which)
        cdef const void* src = cnp.PyArray_DATA(x)
        if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
            with nogil:
                split_maxout(
                    threads(), real_kernels(active(), <const float*>src), <float*>y, w, <const float*>src, B * O, P)
        else:
            with nogil:
                split_maxout(
                    threads(), real_kernels(active(), <const double*>src), <double*>y, w, <const double*>src, B * O, P)
        return best, which

    def backprop_maxout(self, cnp.ndarray dY not None, cnp.ndarray which not None, P):
        if not (
            is_real_array(dY) and cnp.PyArray_NDIM(<cnp.ndarray>dY) == 2
            and cnp.PyArray_TYPE(<cnp.ndarray>which) == cnp.NPY_INT32
            and cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray>which) and same_shape(dY, which)
            and cnp.PyArray_SIZE(<cnp.ndarray>dY)
        ):
            return super().backprop_maxout(dY, which, P)
        cdef Py_ssize_t pieces = P
        if pieces < 1:
            return super().backprop_maxout(dY, which, P)
        cdef cnp.ndarray dy = contiguous(dY), index = contiguous(which)
        cdef cnp.npy_intp[3] dims = [cnp.PyArray_DIM(dy, 0), cnp.PyArray_DIM(dy, 1), pieces]
        cdef cnp.ndarray dX = empty(3, dims, cnp.PyArray_TYPE(dy))
        cdef void* dx = cnp.PyArray_DATA(dX)
        cdef const void* grad = cnp.PyArray_DATA(dy)
        cdef const int32_t* w = <const int32_t*>cnp.PyArray_DATA(index)
        cdef size_t N = cnp.PyArray_SIZE(dy)
        cdef Py_ssize_t bad
        if cnp.PyArray_TYPE(dy) == cnp.NPY_FLOAT32:
            with nogil:
                bad = split_backprop_maxout(
                    threads(), real_kernels(active(), <const float*>grad), <float*>dx, <const float*>grad, w, N, pieces)
        else:
            with nogil:
                bad = split_backprop_maxout(
                    threads(), real_kernels(active(), <const double*>grad), <double*>dx, <const double*>grad, w, N,
                    pieces)
        if bad >= 0:
            raise IndexError(
                f"Cannot compute backprop_maxout: which must be at least 0 and less than the number of "
                f"pieces, {P}, but is {w[bad]} in row {bad // dims[1]}, column {bad % dims[1]}"
            )
        return dX
