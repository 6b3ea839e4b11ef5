"""Rows picked out of sequences, and their gradients, on the CPU: check, allocate, copy."""
cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from ..kernels._arrays cimport contiguous, empty1, empty2, is_real_array
from ..kernels._threads cimport split_ranges, threads

cnp.import_array()


cdef bint is_matrix(object X):
    return is_real_array(X) and cnp.PyArray_NDIM(<cnp.ndarray>X) == 2


cdef bint is_vector(object X, int kind):
    return (
        type(X) is cnp.ndarray and cnp.PyArray_TYPE(<cnp.ndarray>X) == kind and cnp.PyArray_NDIM(<cnp.ndarray>X) == 1
        and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>X) and cnp.PyArray_DIM(<cnp.ndarray>X, 0) > 0
    )


cdef bint cover(cnp.ndarray lengths, Py_ssize_t rows) noexcept:
    # whether no sequence is empty, and all rows belong to one
    cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(lengths)
    cdef Py_ssize_t total = 0, i
    for i in range(cnp.PyArray_DIM(lengths, 0)):
        if length[i] < 1:
            return False
        total += length[i]
    return total == rows <= 0x7fffffff


cdef struct Rows:
    # n rows and their positions among `total` others
    char* out
    const char* source
    const int64_t* positions
    Py_ssize_t n, total, row


cdef void scatter_range(void* context, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # rows to their positions, each after the zeros before it; the last one with those behind it
    cdef const Rows* r = <const Rows*>context
    cdef Py_ssize_t i, end = r.positions[first - 1] + 1 if first else 0
    for i in range(first, last):
        memset(r.out + end * r.row, 0, (r.positions[i] - end) * r.row)
        memcpy(r.out + r.positions[i] * r.row, r.source + i * r.row, r.row)
        end = r.positions[i] + 1
    if last == r.n:
        memset(r.out + end * r.row, 0, (r.total - end) * r.row)


cdef cnp.ndarray scattered(cnp.ndarray rows, const int64_t* positions, Py_ssize_t total):
    # zeros, but for the rows at these increasing positions; None if they do not increase, or end beyond `total`
    cdef Py_ssize_t n = cnp.PyArray_DIM(rows, 0), O = cnp.PyArray_DIM(rows, 1), i, end = 0
    for i in range(n):
        if positions[i] < end or positions[i] >= total:
            return None
        end = positions[i] + 1
    rows = contiguous(rows)
    cdef cnp.ndarray out = empty2(total, O, cnp.PyArray_TYPE(rows))
    cdef Rows r = Rows(
        cnp.PyArray_BYTES(out), cnp.PyArray_BYTES(rows), positions, n, total, O * cnp.PyArray_ITEMSIZE(rows)
    )
    with nogil:
        split_ranges(threads(), n, 0.05 * total * r.row / max(n, 1), 1, scatter_range, &r)
    return out


class CpuSelection:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def _count_rows(self, lengths):
        if not is_vector(lengths, cnp.NPY_INT32):
            return super()._count_rows(lengths)
        cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(<cnp.ndarray>lengths)
        cdef Py_ssize_t total = 0, i
        for i in range(cnp.PyArray_DIM(<cnp.ndarray>lengths, 0)):
            total += length[i]
        return total

    def reduce_first(self, X, lengths):
        if not is_matrix(X) or not is_vector(lengths, cnp.NPY_INT32) \
                or not cover(lengths, cnp.PyArray_DIM(<cnp.ndarray>X, 0)):
            return super().reduce_first(X, lengths)
        cdef cnp.ndarray x = contiguous(X)
        cdef Py_ssize_t B = cnp.PyArray_DIM(<cnp.ndarray>lengths, 0), O = cnp.PyArray_DIM(x, 1), i
        cdef Py_ssize_t row = O * cnp.PyArray_ITEMSIZE(x)
        cdef cnp.ndarray out = empty2(B, O, cnp.PyArray_TYPE(x)), starts_ends = empty1(B + 1, cnp.NPY_INT32)
        cdef int32_t* bound = <int32_t*>cnp.PyArray_DATA(starts_ends)
        cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(<cnp.ndarray>lengths)
        cdef char* target = cnp.PyArray_BYTES(out)
        cdef const char* source = <const char*>cnp.PyArray_DATA(x)
        with nogil:
            bound[0] = 0
            for i in range(B):
                memcpy(target + i * row, source + bound[i] * row, row)
                bound[i + 1] = bound[i] + length[i]
        return out, starts_ends

    def reduce_last(self, X, lengths):
        if not is_matrix(X) or not is_vector(lengths, cnp.NPY_INT32) \
                or not cover(lengths, cnp.PyArray_DIM(<cnp.ndarray>X, 0)):
            return super().reduce_last(X, lengths)
        cdef cnp.ndarray x = contiguous(X)
        cdef Py_ssize_t B = cnp.PyArray_DIM(<cnp.ndarray>lengths, 0), O = cnp.PyArray_DIM(x, 1), i
        cdef Py_ssize_t row = O * cnp.PyArray_ITEMSIZE(x)
        cdef cnp.ndarray out = empty2(B, O, cnp.PyArray_TYPE(x)), lasts = empty1(B, cnp.NPY_INT64)
        cdef int64_t* last = <int64_t*>cnp.PyArray_DATA(lasts)
        cdef int64_t end = 0
        cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(<cnp.ndarray>lengths)
        cdef char* target = cnp.PyArray_BYTES(out)
        cdef const char* source = <const char*>cnp.PyArray_DATA(x)
        with nogil:
            for i in range(B):
                end += length[i]
                last[i] = end - 1
                memcpy(target + i * row, source + last[i] * row, row)
        return out, lasts

    def backprop_reduce_first(self, d_firsts, starts_ends):
        if not is_matrix(d_firsts) or not is_vector(starts_ends, cnp.NPY_INT32):
            return super().backprop_reduce_first(d_firsts, starts_ends)
        cdef Py_ssize_t B = cnp.PyArray_DIM(<cnp.ndarray>d_firsts, 0), i
        if B == 0 or cnp.PyArray_DIM(<cnp.ndarray>starts_ends, 0) != B + 1:
            return super().backprop_reduce_first(d_firsts, starts_ends)
        cdef const int32_t* bound = <const int32_t*>cnp.PyArray_DATA(<cnp.ndarray>starts_ends)
        cdef cnp.ndarray starts = empty1(B, cnp.NPY_INT64)
        cdef int64_t* start = <int64_t*>cnp.PyArray_DATA(starts)
        for i in range(B):
            start[i] = bound[i]
        dX = scattered(d_firsts, start, bound[B])
        return super().backprop_reduce_first(d_firsts, starts_ends) if dX is None else dX

    def backprop_reduce_last(self, d_lasts, lasts):
        if not is_matrix(d_lasts) or not is_vector(lasts, cnp.NPY_INT64) \
                or cnp.PyArray_DIM(<cnp.ndarray>lasts, 0) != cnp.PyArray_DIM(<cnp.ndarray>d_lasts, 0):
            return super().backprop_reduce_last(d_lasts, lasts)
        cdef const int64_t* last = <const int64_t*>cnp.PyArray_DATA(<cnp.ndarray>lasts)
        dX = scattered(d_lasts, last, last[cnp.PyArray_DIM(<cnp.ndarray>lasts, 0) - 1] + 1)
        return super().backprop_reduce_last(d_lasts, lasts) if dX is None else dX
