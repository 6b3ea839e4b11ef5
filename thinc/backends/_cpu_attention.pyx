"""Attention on the CPU: check, allocate, release the GIL, call a kernel; else the reference."""
cimport numpy as cnp
from libc.stdint cimport int32_t, uint64_t
from libcpp cimport bool as cbool

from ..kernels._arrays cimport (
    as_int32,
    contiguous,
    empty2,
    empty_like,
    fits_int32,
    is_matrix,
    is_real_array,
    lengths_fit,
)
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

cdef extern from "thinc/backends/_split_sequences.hh" namespace "thinc" nogil:
    void split_attend[T](
        const Threads* threads, const RealKernels[T]* kernels, T* Y, T* a, const T* X, const T* K, const T* Q,
        const int32_t* lengths, size_t B, size_t O, size_t rows)
    void split_backprop_attend[T](
        const Threads* threads, const RealKernels[T]* kernels, T* dX, T* dK, T* d, const T* dY, const T* X, const T* Q,
        const T* a, const int32_t* lengths, size_t B, size_t O, size_t rows)

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


cdef cnp.ndarray fits_query(object X, object K, object Q, object lengths):
    # the lengths, if the kernels take this; K may be None
    if not is_real_array(X) or cnp.PyArray_NDIM(<cnp.ndarray>X) != 2 or not is_real_array(Q):
        return None
    cdef Py_ssize_t T = cnp.PyArray_DIM(<cnp.ndarray>X, 0), O = cnp.PyArray_DIM(<cnp.ndarray>X, 1)
    cdef int kind = cnp.PyArray_TYPE(<cnp.ndarray>X)
    if cnp.PyArray_TYPE(<cnp.ndarray>Q) != kind or cnp.PyArray_NDIM(<cnp.ndarray>Q) != 1 \
            or cnp.PyArray_DIM(<cnp.ndarray>Q, 0) != O or (K is not None and not is_matrix(K, T, O, kind)):
        return None
    return lengths_of(lengths, T)


cdef void attend(cnp.ndarray Y, real* a, cnp.ndarray X, cnp.ndarray K, cnp.ndarray Q, cnp.ndarray lengths):
    cdef size_t rows = cnp.PyArray_DIM(X, 0), O = cnp.PyArray_DIM(X, 1), B = cnp.PyArray_DIM(lengths, 0)
    cdef real* y = <real*>cnp.PyArray_DATA(Y)
    cdef const real* x = <const real*>cnp.PyArray_DATA(X)
    cdef const real* k = <const real*>cnp.PyArray_DATA(K)
    cdef const real* q = <const real*>cnp.PyArray_DATA(Q)
    cdef const int32_t* n = <const int32_t*>cnp.PyArray_DATA(lengths)
    with nogil:
        split_attend(threads(), real_kernels(active(), x), y, a, x, k, q, n, B, O, rows)


cdef void backprop_attend(
    real* dX, real* dK, cnp.ndarray d, cnp.ndarray dY, cnp.ndarray X, cnp.ndarray Q, cnp.ndarray weights,
    cnp.ndarray lengths
):
    cdef size_t rows = cnp.PyArray_DIM(X, 0), O = cnp.PyArray_DIM(X, 1), B = cnp.PyArray_DIM(lengths, 0)
    cdef real* to = <real*>cnp.PyArray_DATA(d)
    cdef const real* dy = <const real*>cnp.PyArray_DATA(dY)
    cdef const real* x = <const real*>cnp.PyArray_DATA(X)
    cdef const real* q = <const real*>cnp.PyArray_DATA(Q)
    cdef const real* a = <const real*>cnp.PyArray_DATA(weights)
    cdef const int32_t* n = <const int32_t*>cnp.PyArray_DATA(lengths)
    with nogil:
        split_backprop_attend(threads(), real_kernels(active(), x), dX, dK, to, dy, x, q, a, n, B, O, rows)


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

    def _attend(self, X, K, Q, lengths):
        cdef cnp.ndarray counts = fits_query(X, K, Q, lengths)
        if counts is None:
            return super()._attend(X, K, Q, lengths)
        cdef cnp.ndarray x = contiguous(X), keys = x if K is None else contiguous(K), q = contiguous(Q)
        cdef cnp.ndarray Y = empty_like(x), weights = empty2(cnp.PyArray_DIM(x, 0), 1, cnp.PyArray_TYPE(x))
        if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
            attend(Y, <float*>cnp.PyArray_DATA(weights), x, keys, q, counts)
        else:
            attend(Y, <double*>cnp.PyArray_DATA(weights), x, keys, q, counts)
        return Y, weights

    def _backprop_attend(self, dY, X, K, Q, weights, lengths, wants_dX=True):
        cdef cnp.ndarray counts = fits_query(X, K, Q, lengths)
        cdef int kind
        cdef Py_ssize_t T, O
        if counts is not None:
            kind = cnp.PyArray_TYPE(<cnp.ndarray>X)
            T, O = cnp.PyArray_DIM(<cnp.ndarray>X, 0), cnp.PyArray_DIM(<cnp.ndarray>X, 1)
        if counts is None or not is_matrix(dY, T, O, kind) or not is_matrix(weights, T, 1, kind):
            return super()._backprop_attend(dY, X, K, Q, weights, lengths, wants_dX)
        cdef cnp.ndarray dy = contiguous(dY), x = contiguous(X), q = contiguous(Q), a = contiguous(weights)
        cdef cnp.ndarray d = empty2(T, 1, kind), dX = None, dK = None
        cdef void* dx = NULL
        cdef void* dk = NULL
        if wants_dX:
            dX = empty_like(x)
            dx = dk = cnp.PyArray_DATA(dX)  # the keys are the rows
        if K is not None:
            dK = empty_like(x)
            dk = cnp.PyArray_DATA(dK)
        if kind == cnp.NPY_FLOAT32:
            backprop_attend(<float*>dx, <float*>dk, d, dy, x, q, a, counts)
        else:
            backprop_attend(<double*>dx, <double*>dk, d, dy, x, q, a, counts)
        return dX, dK, self.gemm(X if K is None else K, d, trans1=True).reshape(-1)
