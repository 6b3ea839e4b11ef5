"""Softmax, layer and RMS norm, and sums over rows on the CPU: check, allocate, release the GIL, call a kernel."""
cimport numpy as cnp
from libc.stdint cimport int32_t

from ..kernels._dispatch cimport active, real_kernels
from ..kernels._arrays cimport (
    as_int32, contiguous, empty1, empty_like, fits_int32, is_real_array, lengths_fit, same_shape,
)
from ..kernels._threads cimport threads
from ._split cimport (
    split_backprop_layernorm,
    split_backprop_rmsnorm,
    split_backprop_softmax,
    split_backprop_softmax_sequences,
    split_layernorm,
    split_rmsnorm,
    split_softmax,
    split_softmax_sequences,
)

cnp.import_array()

ctypedef fused real:
    float
    double


cdef bint real_matrix(object X):
    return is_real_array(X) and cnp.PyArray_NDIM(<cnp.ndarray>X) == 2


cdef bint real_vector(object v, cnp.ndarray X, int axis):
    # whether v is 1-d, of X's dtype, and as long as X along the axis
    return (
        is_real_array(v) and cnp.PyArray_TYPE(<cnp.ndarray>v) == cnp.PyArray_TYPE(X)
        and cnp.PyArray_NDIM(<cnp.ndarray>v) == 1
        and cnp.PyArray_DIM(<cnp.ndarray>v, 0) == cnp.PyArray_DIM(X, axis)
    )


cdef bint same_kind(object A, object B):
    return (
        is_real_array(A) and is_real_array(B)
        and cnp.PyArray_TYPE(<cnp.ndarray>A) == cnp.PyArray_TYPE(<cnp.ndarray>B)
        and same_shape(A, B)
    )


cdef Py_ssize_t row_length(object X, object axis):
    # the length of the rows if `axis` is the last one, or -1
    cdef int ndim = cnp.PyArray_NDIM(<cnp.ndarray>X)
    if axis is None:
        return -1
    cdef Py_ssize_t a = axis
    return cnp.PyArray_DIM(<cnp.ndarray>X, ndim - 1) if ndim and (a == -1 or a == ndim - 1) else -1


cdef void softmax(real* y, const real* x, size_t rows, size_t n, double temperature) noexcept nogil:
    split_softmax(threads(), real_kernels(active(), x), y, x, rows, n, <real>(1 / temperature))


cdef void backprop_softmax(
    real* dx, const real* y, const real* dy, size_t rows, size_t n, double temperature
) noexcept nogil:
    split_backprop_softmax(threads(), real_kernels(active(), y), dx, y, dy, rows, n, <real>(1 / temperature))


cdef void layernorm(
    real* y, real* mu, real* rstd, const real* x, const real* gain, const real* bias, size_t rows, size_t n
) noexcept nogil:
    split_layernorm(threads(), real_kernels(active(), x), y, mu, rstd, x, gain, bias, rows, n, <real>1e-8)


class CpuNormalize:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def softmax(self, x, *, inplace=False, axis=-1, temperature=1.0):
        if not is_real_array(x):
            return super().softmax(x, inplace=inplace, axis=axis, temperature=temperature)
        cdef Py_ssize_t n = row_length(x, axis)
        if n < 0:
            return super().softmax(x, inplace=inplace, axis=axis, temperature=temperature)
        cdef cnp.ndarray X = contiguous(x), Y = empty_like(X)
        cdef size_t rows = cnp.PyArray_SIZE(X) // n if n else 0
        cdef double t = temperature
        cdef void* y = cnp.PyArray_DATA(Y)
        cdef const void* src = cnp.PyArray_DATA(X)
        if cnp.PyArray_TYPE(X) == cnp.NPY_FLOAT32:
            with nogil:
                softmax[float](<float*>y, <const float*>src, rows, n, t)
        else:
            with nogil:
                softmax[double](<double*>y, <const double*>src, rows, n, t)
        return Y

    def backprop_softmax(self, Y, dY, *, axis=-1, temperature=1.0):
        cdef Py_ssize_t n = row_length(Y, axis) if same_kind(Y, dY) else -1
        if n < 0:
            return super().backprop_softmax(Y, dY, axis=axis, temperature=temperature)
        cdef cnp.ndarray y = contiguous(Y), dy = contiguous(dY), dx = empty_like(y)
        cdef size_t rows = cnp.PyArray_SIZE(y) // n if n else 0
        cdef double t = temperature
        cdef void* out = cnp.PyArray_DATA(dx)
        cdef const void* value = cnp.PyArray_DATA(y)
        cdef const void* grad = cnp.PyArray_DATA(dy)
        if cnp.PyArray_TYPE(y) == cnp.NPY_FLOAT32:
            with nogil:
                backprop_softmax[float](<float*>out, <const float*>value, <const float*>grad, rows, n, t)
        else:
            with nogil:
                backprop_softmax[double](<double*>out, <const double*>value, <const double*>grad, rows, n, t)
        return dx

    def softmax_sequences(self, Xs, lengths, *, inplace=False, axis=-1):
        if not real_matrix(Xs) or not fits_int32(lengths):
            return super().softmax_sequences(Xs, lengths, inplace=inplace, axis=axis)
        cdef cnp.ndarray counts = as_int32(lengths)
        cdef cnp.ndarray X = contiguous(Xs)
        if not lengths_fit(counts, cnp.PyArray_DIM(X, 0)):
            return super().softmax_sequences(Xs, lengths, inplace=inplace, axis=axis)
        cdef cnp.ndarray Y = empty_like(X)
        cdef size_t B = cnp.PyArray_DIM(counts, 0), O = cnp.PyArray_DIM(X, 1), rows = cnp.PyArray_DIM(X, 0)
        cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(counts)
        cdef void* y = cnp.PyArray_DATA(Y)
        cdef const void* x = cnp.PyArray_DATA(X)
        if cnp.PyArray_TYPE(X) == cnp.NPY_FLOAT32:
            with nogil:
                split_softmax_sequences(
                    threads(), real_kernels(active(), <const float*>x), <float*>y, <const float*>x, length, B, O, rows)
        else:
            with nogil:
                split_softmax_sequences(
                    threads(), real_kernels(active(), <const double*>x), <double*>y, <const double*>x, length, B, O,
                    rows)
        return Y

    def backprop_softmax_sequences(self, dY, Y, lengths):
        if not (real_matrix(Y) and same_kind(dY, Y) and fits_int32(lengths)):
            return super().backprop_softmax_sequences(dY, Y, lengths)
        cdef cnp.ndarray counts = as_int32(lengths)
        cdef cnp.ndarray y = contiguous(Y), dy = contiguous(dY)
        if not lengths_fit(counts, cnp.PyArray_DIM(y, 0)):
            return super().backprop_softmax_sequences(dY, Y, lengths)
        cdef cnp.ndarray dx = empty_like(y)
        cdef size_t B = cnp.PyArray_DIM(counts, 0), O = cnp.PyArray_DIM(y, 1), rows = cnp.PyArray_DIM(y, 0)
        cdef const int32_t* length = <const int32_t*>cnp.PyArray_DATA(counts)
        cdef void* out = cnp.PyArray_DATA(dx)
        cdef const void* grad = cnp.PyArray_DATA(dy)
        cdef const void* value = cnp.PyArray_DATA(y)
        if cnp.PyArray_TYPE(y) == cnp.NPY_FLOAT32:
            with nogil:
                split_backprop_softmax_sequences(
                    threads(), real_kernels(active(), <const float*>grad), <float*>out, <const float*>grad,
                    <const float*>value, length, B, O, rows)
        else:
            with nogil:
                split_backprop_softmax_sequences(
                    threads(), real_kernels(active(), <const double*>grad), <double*>out, <const double*>grad,
                    <const double*>value, length, B, O, rows)
        return dx

    def _layernorm(self, X, G, b):
        if not (real_matrix(X) and real_vector(G, X, 1) and real_vector(b, X, 1)):
            return super()._layernorm(X, G, b)
        cdef cnp.ndarray x = contiguous(X), gain = contiguous(G), bias = contiguous(b)
        cdef size_t rows = cnp.PyArray_DIM(x, 0), n = cnp.PyArray_DIM(x, 1)
        cdef int kind = cnp.PyArray_TYPE(x)
        if n == 0:
            return super()._layernorm(X, G, b)
        cdef cnp.ndarray Y = empty_like(x), mu = empty1(rows, kind), rstd = empty1(rows, kind)
        cdef void* y = cnp.PyArray_DATA(Y)
        cdef void* m = cnp.PyArray_DATA(mu)
        cdef void* s = cnp.PyArray_DATA(rstd)
        cdef const void* src = cnp.PyArray_DATA(x)
        cdef const void* g = cnp.PyArray_DATA(gain)
        cdef const void* c = cnp.PyArray_DATA(bias)
        if kind == cnp.NPY_FLOAT32:
            with nogil:
                layernorm[float](<float*>y, <float*>m, <float*>s, <const float*>src, <const float*>g,
                                 <const float*>c, rows, n)
        else:
            with nogil:
                layernorm[double](<double*>y, <double*>m, <double*>s, <const double*>src, <const double*>g,
                                  <const double*>c, rows, n)
        return Y, mu, rstd

    def _backprop_layernorm(self, dY, X, G, mu, rstd):
        if not (
            real_matrix(X) and same_kind(dY, X) and real_vector(G, X, 1) and real_vector(mu, X, 0)
            and real_vector(rstd, X, 0)
        ):
            return super()._backprop_layernorm(dY, X, G, mu, rstd)
        cdef cnp.ndarray x = contiguous(X), dy = contiguous(dY), gain = contiguous(G)
        cdef cnp.ndarray mean = contiguous(mu), scale = contiguous(rstd)
        cdef size_t rows = cnp.PyArray_DIM(x, 0), n = cnp.PyArray_DIM(x, 1)
        cdef int kind = cnp.PyArray_TYPE(x)
        cdef cnp.ndarray dX = empty_like(x), dG = empty1(n, kind), db = empty1(n, kind)
        cdef void* dx = cnp.PyArray_DATA(dX)
        cdef void* dg = cnp.PyArray_DATA(dG)
        cdef void* dc = cnp.PyArray_DATA(db)
        cdef const void* grad = cnp.PyArray_DATA(dy)
        cdef const void* src = cnp.PyArray_DATA(x)
        cdef const void* g = cnp.PyArray_DATA(gain)
        cdef const void* m = cnp.PyArray_DATA(mean)
        cdef const void* s = cnp.PyArray_DATA(scale)
        if kind == cnp.NPY_FLOAT32:
            with nogil:
                split_backprop_layernorm(
                    threads(), real_kernels(active(), <const float*>src), <float*>dx, <float*>dg, <float*>dc,
                    <const float*>grad, <const float*>src, <const float*>g, <const float*>m, <const float*>s, rows, n)
        else:
            with nogil:
                split_backprop_layernorm(
                    threads(), real_kernels(active(), <const double*>src), <double*>dx, <double*>dg, <double*>dc,
                    <const double*>grad, <const double*>src, <const double*>g, <const double*>m, <const double*>s,
                    rows, n)
        return dX, dG, db

    def _rmsnorm(self, X, G, eps):
        if not (real_matrix(X) and real_vector(G, X, 1)) or cnp.PyArray_DIM(<cnp.ndarray>X, 1) == 0:
            return super()._rmsnorm(X, G, eps)
        cdef cnp.ndarray x = contiguous(X), gain = contiguous(G)
        cdef size_t rows = cnp.PyArray_DIM(x, 0), n = cnp.PyArray_DIM(x, 1)
        cdef int kind = cnp.PyArray_TYPE(x)
        cdef double epsilon = eps
        cdef cnp.ndarray Y = empty_like(x), rstd = empty1(rows, kind)
        cdef void* y = cnp.PyArray_DATA(Y)
        cdef void* s = cnp.PyArray_DATA(rstd)
        cdef const void* src = cnp.PyArray_DATA(x)
        cdef const void* g = cnp.PyArray_DATA(gain)
        if kind == cnp.NPY_FLOAT32:
            with nogil:
                split_rmsnorm(
                    threads(), real_kernels(active(), <const float*>src), <float*>y, <float*>s, <const float*>src,
                    <const float*>g, rows, n, <float>epsilon)
        else:
            with nogil:
                split_rmsnorm(
                    threads(), real_kernels(active(), <const double*>src), <double*>y, <double*>s, <const double*>src,
                    <const double*>g, rows, n, epsilon)
        return Y, rstd

    def _backprop_rmsnorm(self, dY, X, G, rstd):
        if not (real_matrix(X) and same_kind(dY, X) and real_vector(G, X, 1) and real_vector(rstd, X, 0)) \
                or cnp.PyArray_DIM(<cnp.ndarray>X, 1) == 0:
            return super()._backprop_rmsnorm(dY, X, G, rstd)
        cdef cnp.ndarray x = contiguous(X), dy = contiguous(dY), gain = contiguous(G), scale = contiguous(rstd)
        cdef size_t rows = cnp.PyArray_DIM(x, 0), n = cnp.PyArray_DIM(x, 1)
        cdef int kind = cnp.PyArray_TYPE(x)
        cdef cnp.ndarray dX = empty_like(x), dG = empty1(n, kind)
        cdef void* dx = cnp.PyArray_DATA(dX)
        cdef void* dg = cnp.PyArray_DATA(dG)
        cdef const void* grad = cnp.PyArray_DATA(dy)
        cdef const void* src = cnp.PyArray_DATA(x)
        cdef const void* g = cnp.PyArray_DATA(gain)
        cdef const void* s = cnp.PyArray_DATA(scale)
        if kind == cnp.NPY_FLOAT32:
            with nogil:
                split_backprop_rmsnorm(
                    threads(), real_kernels(active(), <const float*>src), <float*>dx, <float*>dg, <const float*>grad,
                    <const float*>src, <const float*>g, <const float*>s, rows, n)
        else:
            with nogil:
                split_backprop_rmsnorm(
                    threads(), real_kernels(active(), <const double*>src), <double*>dx, <double*>dg,
                    <const double*>grad, <const double*>src, <const double*>g, <const double*>s, rows, n)
        return dX, dG
