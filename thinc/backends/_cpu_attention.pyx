"""Attention on the CPU: check, allocate, release the GIL, call a kernel; else the reference."""
cimport numpy as cnp
from libc.stdint cimport int32_t, uint64_t
from libcpp cimport bool as cbool

from ..kernels._arrays cimport as_int32, contiguous, empty2, fits_int32, is_matrix, is_real_array, lengths_fit
from ..kernels._dispatch cimport RealKernels, active, real_kernels
from ..kernels._threads cimport Threads, threads

cnp.import_array()


cdef extern from "thinc/backends/_split_attention.hh" namespace "thinc" nogil:
    cdef cppclass AttentionBatch[T]:
        const int32_t* lengths
        size_t B, N, heads, width
        const T* X
        T* Y
        T* norms
        const T* dY
        T* dX
        cbool causal
        double rate
        uint64_t key
    bint split_attention[T](
        const Threads* threads, const RealKernels[T]* kernels, const AttentionBatch[T]* batch)
    bint split_backprop_attention[T](
        const Threads* threads, const RealKernels[T]* kernels, const AttentionBatch[T]* batch)
    void split_rotate[T](
        const Threads* threads, const RealKernels[T]* kernels, T* X, const T* waves, const int32_t* lengths, size_t B,
        size_t N, size_t columns, size_t heads, size_t width, cbool back)

ctypedef fused real:
    float
    double


cdef cnp.ndarray lengths_of(object lengths, Py_ssize_t rows):
    # as int32, if they are lengths of sequences of so many rows; else None
    if not fits_int32(lengths):
        return None
    cdef cnp.ndarray counts = as_int32(lengths)
    return counts if lengths_fit(counts, rows) else None


cdef cnp.ndarray fits(object X, object lengths, Py_ssize_t heads):
    # the lengths, if the kernels take this
    if not is_real_array(X) or cnp.PyArray_NDIM(<cnp.ndarray>X) != 2 or heads < 1:
        return None
    cdef Py_ssize_t columns = cnp.PyArray_DIM(<cnp.ndarray>X, 1)
    if columns == 0 or columns % (3 * heads):
        return None
    return lengths_of(lengths, cnp.PyArray_DIM(<cnp.ndarray>X, 0))


cdef bint run(
    cnp.ndarray X, cnp.ndarray lengths, Py_ssize_t heads, bint causal, double rate, uint64_t key, cnp.ndarray Y,
    cnp.ndarray norms, cnp.ndarray dY, cnp.ndarray dX, real* kind
):
    cdef AttentionBatch[real] batch
    cdef bint done
    batch.lengths, batch.B = <const int32_t*>cnp.PyArray_DATA(lengths), cnp.PyArray_DIM(lengths, 0)
    batch.N, batch.heads, batch.width = cnp.PyArray_DIM(X, 0), heads, cnp.PyArray_DIM(X, 1) // (3 * heads)
    batch.X, batch.Y = <const real*>cnp.PyArray_DATA(X), <real*>cnp.PyArray_DATA(Y)
    batch.norms = <real*>cnp.PyArray_DATA(norms)
    batch.causal, batch.rate, batch.key = causal, rate, key
    if dX is None:
        with nogil:
            done = split_attention(threads(), real_kernels(active(), kind), &batch)
        return done
    batch.dY, batch.dX = <const real*>cnp.PyArray_DATA(dY), <real*>cnp.PyArray_DATA(dX)
    with nogil:
        done = split_backprop_attention(threads(), real_kernels(active(), kind), &batch)
    return done


class CpuAttention:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def _attend_heads(self, X, lengths, n_heads, causal=False, drop=0.0, key=0):
        cdef Py_ssize_t heads = n_heads
        cdef double rate = drop
        cdef cnp.ndarray counts = fits(X, lengths, heads) if 0 <= rate < 1 else None
        if counts is None:
            return super()._attend_heads(X, lengths, n_heads, causal, drop, key)
        cdef cnp.ndarray x = contiguous(X)
        cdef int kind = cnp.PyArray_TYPE(x)
        cdef Py_ssize_t N = cnp.PyArray_DIM(x, 0)
        cdef cnp.ndarray Y = empty2(N, cnp.PyArray_DIM(x, 1) // 3, kind), norms = empty2(heads, N, kind)
        cdef bint done
        if kind == cnp.NPY_FLOAT32:
            done = run[float](x, counts, heads, causal, rate, key, Y, norms, None, None, NULL)
        else:
            done = run[double](x, counts, heads, causal, rate, key, Y, norms, None, None, NULL)
        if not done:
            raise MemoryError()
        return Y, norms

    def _backprop_attend_heads(self, dY, X, Y, norms, lengths, n_heads, causal=False, drop=0.0, key=0):
        cdef Py_ssize_t heads = n_heads
        cdef double rate = drop
        cdef cnp.ndarray counts = fits(X, lengths, heads) if 0 <= rate < 1 else None
        cdef Py_ssize_t N, columns
        cdef int kind
        if counts is not None:
            N, columns = cnp.PyArray_DIM(<cnp.ndarray>X, 0), cnp.PyArray_DIM(<cnp.ndarray>X, 1)
            kind = cnp.PyArray_TYPE(<cnp.ndarray>X)
        if counts is None or not is_matrix(dY, N, columns // 3, kind) or not is_matrix(Y, N, columns // 3, kind) \
                or not is_matrix(norms, heads, N, kind):
            return super()._backprop_attend_heads(dY, X, Y, norms, lengths, n_heads, causal, drop, key)
        cdef cnp.ndarray x = contiguous(X), y = contiguous(Y), dy = contiguous(dY), sums = contiguous(norms)
        cdef cnp.ndarray dX = empty2(N, columns, kind)
        cdef bint done
        if kind == cnp.NPY_FLOAT32:
            done = run[float](x, counts, heads, causal, rate, key, y, sums, dy, dX, NULL)
        else:
            done = run[double](x, counts, heads, causal, rate, key, y, sums, dy, dX, NULL)
        if not done:
            raise MemoryError()
        return dX

    def _rotate(self, X, lengths, waves, n_heads, back=False):
        cdef Py_ssize_t heads = n_heads, width, longest = 0, b
        cdef cnp.ndarray x, w, counts = None
        cdef cbool is_back = back
        if is_real_array(X) and cnp.PyArray_ISCARRAY(<cnp.ndarray>X) and cnp.PyArray_NDIM(<cnp.ndarray>X) == 2 \
                and is_real_array(waves) and cnp.PyArray_NDIM(<cnp.ndarray>waves) == 2 \
                and cnp.PyArray_TYPE(<cnp.ndarray>waves) == cnp.PyArray_TYPE(<cnp.ndarray>X):
            counts = lengths_of(lengths, cnp.PyArray_DIM(<cnp.ndarray>X, 0))
        if counts is not None:
            width = cnp.PyArray_DIM(<cnp.ndarray>waves, 1)
            for b in range(cnp.PyArray_DIM(counts, 0)):
                longest = max(longest, (<const int32_t*>cnp.PyArray_DATA(counts))[b])
        if counts is None or width % 2 or heads < 0 or heads * width > cnp.PyArray_DIM(<cnp.ndarray>X, 1) \
                or longest > cnp.PyArray_DIM(<cnp.ndarray>waves, 0):
            super()._rotate(X, lengths, waves, n_heads, back)
            return
        x, w = <cnp.ndarray>X, contiguous(waves)
        cdef size_t B = cnp.PyArray_DIM(counts, 0), N = cnp.PyArray_DIM(x, 0), columns = cnp.PyArray_DIM(x, 1)
        cdef const int32_t* n = <const int32_t*>cnp.PyArray_DATA(counts)
        cdef void* out = cnp.PyArray_DATA(x)
        cdef const void* table = cnp.PyArray_DATA(w)
        if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
            with nogil:
                split_rotate(
                    threads(), real_kernels(active(), <const float*>table), <float*>out, <const float*>table, n, B, N,
                    columns, heads, width, is_back)
        else:
            with nogil:
                split_rotate(
                    threads(), real_kernels(active(), <const double*>table), <double*>out, <const double*>table, n, B,
                    N, columns, heads, width, is_back)
