"""Windows and pooling on the CPU: check, allocate, release the GIL, call a kernel."""
cimport numpy as cnp
from libc.stdint cimport int32_t

cdef extern from *:
    const Py_ssize_t PY_SSIZE_T_MAX

from ..kernels._dispatch cimport active, real_kernels
from ..kernels._arrays cimport as_int32, contiguous, empty2, fits_int32, is_real_array
from ..kernels._threads cimport threads
from ._split cimport split_backprop_reduce_max, split_pool, split_reduce_max, split_unpool, split_windows

cnp.import_array()

# Wider windows would overflow the sizes that are computed from them.
cdef Py_ssize_t MAX_WINDOW = 1 << 30

ctypedef fused real:
    float
    double


def check_seq2col_lengths(ops, lengths, B):
    """Lengths for `seq2col` as an int32 array; one sequence of all `B` rows if `lengths` is None.

    Raises
    ------
    AssertionError
        If a length is negative or the lengths do not sum to `B`.
    """
    if lengths is None:
        return ops.asarray1i([B])
    if not fits_int32(lengths):
        raise AssertionError(
            f"Cannot compute seq2col: expected integer lengths that sum to the number of rows, {B}, but got {lengths}"
        )
    cdef cnp.ndarray checked = as_int32(lengths)
    cdef Py_ssize_t total = sum_lengths(checked)
    if total != B:
        found = "a negative length" if total < 0 else f"lengths that sum to {total}"
        raise AssertionError(
            f"Cannot compute seq2col: expected lengths >= 0 that sum to the number of rows, {B}, but got {found}"
        )
    return checked


cdef Py_ssize_t sum_lengths(cnp.ndarray lengths) except -2:
    # the sum of the lengths, or -1 if one is negative
    cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(lengths)
    cdef Py_ssize_t total = 0, i, n = cnp.PyArray_SIZE(lengths)
    if cnp.PyArray_NDIM(lengths) != 1:
        raise ValueError(f"Expected a 1-d array of lengths, but got {cnp.PyArray_NDIM(lengths)} dimensions")
    for i in range(n):
        if length[i] < 0:
            return -1
        total += length[i]
    return total


cdef Py_ssize_t check_lengths(str operation, cnp.ndarray lengths, Py_ssize_t T, bint allow_empty) except -1:
    # the sum of lengths that fit T rows
    cdef Py_ssize_t total = sum_lengths(lengths), i
    cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(lengths)
    cdef bint empty = False
    for i in range(cnp.PyArray_DIM(lengths, 0)):
        empty |= length[i] == 0
    if total < 0 or (empty and not allow_empty):
        bound = ">= 0" if allow_empty else "> 0"
        remedy = "; leave empty sequences out" if total >= 0 else ""
        raise ValueError(
            f"Cannot compute {operation}: all sequence lengths must be {bound}, but the smallest is {lengths.min()}"
            f"{remedy}"
        )
    if total > T:
        raise IndexError(
            f"Cannot compute {operation}: lengths must sum up to the number of rows, {T}, but they sum to {total}"
        )
    return total


cdef bint check_gradient(str operation, cnp.ndarray d, cnp.ndarray lengths) except 0:
    if cnp.PyArray_DIM(d, 0) != cnp.PyArray_DIM(lengths, 0):
        raise ValueError(
            f"Cannot compute {operation}: expected one gradient row per sequence, but got "
            f"{cnp.PyArray_DIM(d, 0)} rows for {cnp.PyArray_DIM(lengths, 0)} lengths"
        )
    return True


cdef bint is_matrix(object X):
    return is_real_array(X) and cnp.PyArray_NDIM(<cnp.ndarray>X) == 2


# Which kernel of the Reductions table; the four that share a signature go through one function.
cdef enum Pooling:
    SUM, MEAN, BACKPROP_SUM, BACKPROP_MEAN


cdef void pool(
    Pooling kind, real* out, const real* X, const int32_t* lengths, size_t B, size_t O, size_t rows
) noexcept nogil:
    if kind == SUM:
        split_pool(threads(), real_kernels(active(), X).reductions.reduce_sum, out, X, lengths, B, O, rows)
    elif kind == MEAN:
        split_pool(threads(), real_kernels(active(), X).reductions.reduce_mean, out, X, lengths, B, O, rows)
    elif kind == BACKPROP_SUM:
        split_unpool(threads(), real_kernels(active(), X).reductions.backprop_reduce_sum, out, X, lengths, B, O, rows)
    else:
        split_unpool(threads(), real_kernels(active(), X).reductions.backprop_reduce_mean, out, X, lengths, B, O, rows)


cdef cnp.ndarray pooled(Pooling kind, cnp.ndarray x, cnp.ndarray lengths, Py_ssize_t rows):
    # `rows`: the sum of the lengths
    cdef size_t B = cnp.PyArray_DIM(lengths, 0), O = cnp.PyArray_DIM(x, 1)
    cdef bint backward = kind == BACKPROP_SUM or kind == BACKPROP_MEAN
    cdef cnp.ndarray out = empty2(rows if backward else B, O, cnp.PyArray_TYPE(x))
    cdef void* y = cnp.PyArray_DATA(out)
    cdef const void* src = cnp.PyArray_DATA(x)
    cdef const int32_t* n = <const int32_t*>cnp.PyArray_DATA(lengths)
    if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
        with nogil:
            pool[float](kind, <float*>y, <const float*>src, n, B, O, rows)
    else:
        with nogil:
            pool[double](kind, <double*>y, <const double*>src, n, B, O, rows)
    return out


cdef void window(bint backward, real* out, const real* X, const int32_t* lengths, size_t n, size_t I,
                 size_t nW, size_t rows) noexcept nogil:
    if backward:
        split_windows(threads(), real_kernels(active(), X).windows.backprop_seq2col, out, X, lengths, n, I, nW, rows)
    else:
        split_windows(threads(), real_kernels(active(), X).windows.seq2col, out, X, lengths, n, I, nW, rows)


cdef cnp.ndarray windowed(bint backward, cnp.ndarray x, cnp.ndarray lengths, size_t I, Py_ssize_t nW):
    cdef Py_ssize_t B = cnp.PyArray_DIM(x, 0)
    cdef cnp.ndarray out = empty2(B, I if backward else (2 * nW + 1) * I, cnp.PyArray_TYPE(x))
    cdef void* y = cnp.PyArray_DATA(out)
    cdef const void* src = cnp.PyArray_DATA(x)
    cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(lengths)
    cdef size_t n = cnp.PyArray_DIM(lengths, 0)
    if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
        with nogil:
            window[float](backward, <float*>y, <const float*>src, length, n, I, nW, B)
    else:
        with nogil:
            window[double](backward, <double*>y, <const double*>src, length, n, I, nW, B)
    return out


class CpuSequences:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def seq2col(self, cnp.ndarray seq not None, nW, *, lengths=None):
        if not is_matrix(seq) or not 0 <= nW < MAX_WINDOW:
            return super().seq2col(seq, nW, lengths=lengths)
        cdef cnp.ndarray x = contiguous(seq)
        cdef cnp.ndarray n = check_seq2col_lengths(self, lengths, cnp.PyArray_DIM(x, 0))
        return windowed(False, x, n, cnp.PyArray_DIM(x, 1), nW)

    def backprop_seq2col(self, cnp.ndarray dY not None, nW, *, lengths=None):
        if not is_matrix(dY) or not 0 <= nW < MAX_WINDOW or cnp.PyArray_DIM(<cnp.ndarray>dY, 1) % (2 * nW + 1):
            return super().backprop_seq2col(dY, nW, lengths=lengths)
        cdef cnp.ndarray d = contiguous(dY)
        cdef cnp.ndarray n = check_seq2col_lengths(self, lengths, cnp.PyArray_DIM(d, 0))
        return windowed(True, d, n, cnp.PyArray_DIM(d, 1) // (2 * nW + 1), nW)

    def reduce_sum(self, cnp.ndarray X not None, lengths):
        if not is_matrix(X) or not fits_int32(lengths):
            return super().reduce_sum(X, lengths)
        cdef cnp.ndarray x = contiguous(X), n = as_int32(lengths)
        cdef Py_ssize_t rows = check_lengths("reduce_sum", n, cnp.PyArray_DIM(x, 0), True)
        return pooled(SUM, x, n, rows)

    def reduce_mean(self, cnp.ndarray X not None, lengths):
        if not is_matrix(X) or not fits_int32(lengths):
            return super().reduce_mean(X, lengths)
        cdef cnp.ndarray x = contiguous(X), n = as_int32(lengths)
        cdef Py_ssize_t rows = check_lengths("reduce_mean", n, cnp.PyArray_DIM(x, 0), True)
        return pooled(MEAN, x, n, rows)

    def backprop_reduce_sum(self, cnp.ndarray d_sums not None, lengths):
        if not is_matrix(d_sums) or not fits_int32(lengths):
            return super().backprop_reduce_sum(d_sums, lengths)
        cdef cnp.ndarray d = contiguous(d_sums), n = as_int32(lengths)
        cdef Py_ssize_t rows = check_lengths("backprop_reduce_sum", n, PY_SSIZE_T_MAX, True)
        check_gradient("backprop_reduce_sum", d, n)
        return pooled(BACKPROP_SUM, d, n, rows)

    def backprop_reduce_mean(self, cnp.ndarray d_means not None, lengths):
        if not is_matrix(d_means) or not fits_int32(lengths):
            return super().backprop_reduce_mean(d_means, lengths)
        cdef cnp.ndarray d = contiguous(d_means), n = as_int32(lengths)
        cdef Py_ssize_t rows = check_lengths("backprop_reduce_mean", n, PY_SSIZE_T_MAX, True)
        check_gradient("backprop_reduce_mean", d, n)
        return pooled(BACKPROP_MEAN, d, n, rows)

    def reduce_max(self, cnp.ndarray X not None, lengths):
        if not is_matrix(X) or not fits_int32(lengths):
            return super().reduce_max(X, lengths)
        cdef cnp.ndarray x = contiguous(X), n = as_int32(lengths)
        cdef Py_ssize_t rows = check_lengths("reduce_max", n, cnp.PyArray_DIM(x, 0), False)
        cdef size_t B = cnp.PyArray_DIM(n, 0), O = cnp.PyArray_DIM(x, 1)
        cdef cnp.ndarray maxes = empty2(B, O, cnp.PyArray_TYPE(x)), which = empty2(B, O, cnp.NPY_INT32)
        cdef void* y = cnp.PyArray_DATA(maxes)
        cdef const void* src = cnp.PyArray_DATA(x)
        cdef int32_t* w = <int32_t*>cnp.PyArray_DATA(which)
        cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(n)
        if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
            with nogil:
                split_reduce_max(
                    threads(), real_kernels(active(), <const float*>src), <float*>y, w, <const float*>src, length, B, O,
                    rows)
        else:
            with nogil:
                split_reduce_max(
                    threads(), real_kernels(active(), <const double*>src), <double*>y, w, <const double*>src, length,
                    B, O,
                    rows)
        return maxes, which

    def backprop_reduce_max(self, cnp.ndarray d_maxes not None, which, lengths):
        if not is_matrix(d_maxes) or not fits_int32(lengths) or not fits_int32(which):
            return super().backprop_reduce_max(d_maxes, which, lengths)
        cdef cnp.ndarray d = contiguous(d_maxes), n = as_int32(lengths), winner = as_int32(which)
        cdef Py_ssize_t rows = check_lengths("backprop_reduce_max", n, PY_SSIZE_T_MAX, False)
        check_gradient("backprop_reduce_max", d, n)
        if not cnp.PyArray_SAMESHAPE(d, winner):
            raise ValueError(
                f"Cannot compute backprop_reduce_max: expected `which` of shape {(<object>d_maxes).shape}, "
                f"but got {(<object>winner).shape}"
            )
        cdef size_t B = cnp.PyArray_DIM(n, 0), O = cnp.PyArray_DIM(d, 1)
        cdef cnp.ndarray dX = empty2(rows, O, cnp.PyArray_TYPE(d))
        cdef void* out = cnp.PyArray_DATA(dX)
        cdef const void* src = cnp.PyArray_DATA(d)
        cdef const int32_t* w = <const int32_t*>cnp.PyArray_DATA(winner)
        cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(n)
        cdef Py_ssize_t bad
        if cnp.PyArray_TYPE(d) == cnp.NPY_FLOAT32:
            with nogil:
                bad = split_backprop_reduce_max(
                    threads(), real_kernels(active(), <const float*>src), <float*>out, <const float*>src, w, length,
                    B, O,
                    rows)
        else:
            with nogil:
                bad = split_backprop_reduce_max(
                    threads(), real_kernels(active(), <const double*>src), <double*>out, <const double*>src, w,
                    length, B, O,
                    rows)
        if bad >= 0:
            raise IndexError(
                f"Cannot compute backprop_reduce_max: `which` has row {winner.flat[bad]} for sequence {bad // O}, "
                f"which has {lengths[bad // O]} rows"
            )
        return dX
