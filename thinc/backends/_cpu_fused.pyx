"""Dense layers with maxout on the CPU: check, allocate, release the GIL, call a kernel; else the reference."""
cimport numpy as cnp
from libc.stdint cimport uint8_t

from ..kernels._arrays cimport contiguous, empty2, is_real_array
from ..kernels._dispatch cimport MaxoutDense, MaxoutGradient, RealKernels, active, real_kernels
from ..kernels._threads cimport Threads, threads

cnp.import_array()


cdef extern from "thinc/backends/_split_dense.hh" namespace "thinc" nogil:
    bint split_maxout_dense[T](
        const Threads* threads, const RealKernels[T]* kernels, const MaxoutDense[T]* call)
    bint split_backprop_maxout_dense[T](
        const Threads* threads, const RealKernels[T]* kernels, const MaxoutGradient[T]* call)

ctypedef fused real:
    float
    double

# With fewer rows, or fewer pieces, the plain products are as fast (measured with AVX-512; AVX2 gains earlier).
cdef Py_ssize_t LEAST_ROWS = 48
cdef Py_ssize_t LEAST_PIECES = 3
cdef Py_ssize_t MOST_PIECES = 255


cdef bint real_of(object X, int ndim, int kind):
    # whether X is an array with so many dimensions, of that type
    return is_real_array(X) and cnp.PyArray_NDIM(<cnp.ndarray>X) == ndim and cnp.PyArray_TYPE(<cnp.ndarray>X) == kind


cdef bint takes(object total, object W, int ndim, int kind):
    # whether a gradient with the first `ndim` dimensions of W can be added to `total` in place
    return (
        real_of(total, ndim, kind) and cnp.PyArray_CompareLists(
            cnp.PyArray_DIMS(<cnp.ndarray>total), cnp.PyArray_DIMS(<cnp.ndarray>W), ndim)
        and cnp.PyArray_ISCARRAY(<cnp.ndarray>total)
    )


cdef bint has_kernel(object X, object W):
    # for X (B, nI) and W (nO, nP, nI)
    if not is_real_array(X) or not real_of(W, 3, cnp.PyArray_TYPE(<cnp.ndarray>X)):
        return False
    cdef cnp.ndarray x = <cnp.ndarray>X, w = <cnp.ndarray>W
    return (
        cnp.PyArray_NDIM(x) == 2 and cnp.PyArray_DIM(x, 1) == cnp.PyArray_DIM(w, 2)
        and cnp.PyArray_SIZE(w) > 0 and LEAST_PIECES <= cnp.PyArray_DIM(w, 1) <= MOST_PIECES
        and cnp.PyArray_DIM(x, 0) >= LEAST_ROWS
    )


cdef cnp.ndarray with_rows(cnp.ndarray X, Py_ssize_t* stride):
    # X (rows, columns) itself if the columns are adjacent, or a copy; elements between rows
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(X)
    if cnp.PyArray_STRIDE(X, 1) != size or cnp.PyArray_STRIDE(X, 0) % size:
        X = contiguous(X)
    stride[0] = cnp.PyArray_STRIDE(X, 0) // size
    return X


cdef Py_ssize_t find_outside(const uint8_t* which, Py_ssize_t n, Py_ssize_t P) noexcept nogil:
    # the position of the first that is no piece, or -1
    cdef uint8_t highest = 0
    cdef Py_ssize_t i
    for i in range(n):
        highest = which[i] if which[i] > highest else highest
    if n == 0 or highest < P:
        return -1
    i = 0
    while which[i] < P:
        i += 1
    return i


cdef Py_ssize_t run_gradient(MaxoutGradient[real]* call, real* kind) noexcept nogil:
    # -1, or where `which` is no piece, or -2 if there is no memory; `kind` only names the type
    cdef Py_ssize_t bad = find_outside(call.which, call.B * call.nO, call.P)
    if bad >= 0:
        return bad
    return -1 if split_backprop_maxout_dense(threads(), real_kernels(active(), kind), call) else -2


cdef bint forward(real* Y, cnp.ndarray X, Py_ssize_t sX, cnp.ndarray W, cnp.ndarray b, cnp.ndarray which):
    cdef MaxoutDense[real] call
    cdef bint done
    call.B, call.nI, call.nO, call.P = cnp.PyArray_DIM(X, 0), cnp.PyArray_DIM(X, 1), cnp.PyArray_DIM(W, 0), \
        cnp.PyArray_DIM(W, 1)
    call.X, call.sX = <const real*>cnp.PyArray_DATA(X), sX
    call.W, call.b = <const real*>cnp.PyArray_DATA(W), <const real*>cnp.PyArray_DATA(b)
    call.Y, call.which = Y, <uint8_t*>cnp.PyArray_DATA(which)
    with nogil:
        done = split_maxout_dense(threads(), real_kernels(active(), Y), &call)
    return done


cdef Py_ssize_t gradient(
    real* dX, cnp.ndarray dY, Py_ssize_t sdY, cnp.ndarray which, cnp.ndarray X, Py_ssize_t sX, cnp.ndarray W,
    cnp.ndarray dW, cnp.ndarray db,
):
    cdef MaxoutGradient[real] call
    cdef Py_ssize_t bad
    call.B, call.nI, call.nO, call.P = cnp.PyArray_DIM(X, 0), cnp.PyArray_DIM(X, 1), cnp.PyArray_DIM(W, 0), \
        cnp.PyArray_DIM(W, 1)
    call.dY, call.sdY = <const real*>cnp.PyArray_DATA(dY), sdY
    call.which, call.swhich = <const uint8_t*>cnp.PyArray_DATA(which), call.nO
    call.X, call.sX = <const real*>cnp.PyArray_DATA(X), sX
    call.W, call.dX = <const real*>cnp.PyArray_DATA(W), dX
    call.dW, call.db = <real*>cnp.PyArray_DATA(dW), <real*>cnp.PyArray_DATA(db)
    with nogil:
        bad = run_gradient(&call, dX)
    return bad


class CpuFused:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def _maxout_dense(self, X, W, b):
        if not self.use_blis or not has_kernel(X, W) or not real_of(b, 2, cnp.PyArray_TYPE(<cnp.ndarray>X)) \
                or cnp.PyArray_DIM(<cnp.ndarray>b, 0) != cnp.PyArray_DIM(<cnp.ndarray>W, 0) \
                or cnp.PyArray_DIM(<cnp.ndarray>b, 1) != cnp.PyArray_DIM(<cnp.ndarray>W, 1):
            return super()._maxout_dense(X, W, b)
        cdef Py_ssize_t stride
        cdef cnp.ndarray x = with_rows(X, &stride), w = contiguous(W), bias = contiguous(b)
        cdef int kind = cnp.PyArray_TYPE(x)
        cdef cnp.ndarray Y = empty2(cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(w, 0), kind)
        cdef cnp.ndarray which = empty2(cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(w, 0), cnp.NPY_UINT8)
        cdef bint done
        if kind == cnp.NPY_FLOAT32:
            done = forward(<float*>cnp.PyArray_DATA(Y), x, stride, w, bias, which)
        else:
            done = forward(<double*>cnp.PyArray_DATA(Y), x, stride, w, bias, which)
        if not done:
            raise MemoryError()
        return Y, which

    def _backprop_maxout_dense(self, dY, which, X, W, dW=None, db=None, wants_dX=True):
        if cnp.PyArray_TYPE(<cnp.ndarray?>which) != cnp.NPY_UINT8:
            return super()._backprop_maxout_dense(dY, which, X, W, dW, db, wants_dX)
        cdef cnp.ndarray chosen = <cnp.ndarray>which
        cdef int kind = cnp.PyArray_TYPE(<cnp.ndarray?>X)
        if not has_kernel(X, W) or not real_of(dY, 2, kind) or cnp.PyArray_NDIM(chosen) != 2 \
                or not cnp.PyArray_SAMESHAPE(<cnp.ndarray>dY, chosen) \
                or cnp.PyArray_DIM(chosen, 0) != cnp.PyArray_DIM(<cnp.ndarray>X, 0) \
                or cnp.PyArray_DIM(chosen, 1) != cnp.PyArray_DIM(<cnp.ndarray>W, 0):
            return super()._backprop_maxout_dense(dY, which.astype("int32"), X, W, dW, db, wants_dX)
        cdef Py_ssize_t sX, sdY, bad
        cdef cnp.ndarray x = with_rows(X, &sX), dy = with_rows(dY, &sdY), w = contiguous(W)
        cdef cnp.ndarray sums = empty2(cnp.PyArray_DIM(w, 0), cnp.PyArray_DIM(w, 1), kind), added, dX = None
        cdef void* dx = NULL
        chosen = contiguous(chosen)
        cdef bint adds = takes(dW, W, 3, kind) and takes(db, W, 2, kind)
        added = <cnp.ndarray>(dW if adds else self._zeros_like(w))
        if wants_dX:
            dX = empty2(cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1), kind)
            dx = cnp.PyArray_DATA(dX)
        if kind == cnp.NPY_FLOAT32:
            bad = gradient(<float*>dx, dy, sdY, chosen, x, sX, w, added, sums)
        else:
            bad = gradient(<double*>dx, dy, sdY, chosen, x, sX, w, added, sums)
        if bad == -2:
            raise MemoryError()
        if bad >= 0:
            raise IndexError(
                f"Cannot compute the gradient of maxout: which must be less than the number of pieces, "
                f"{cnp.PyArray_DIM(w, 1)}, but is {chosen.flat[bad]}"
            )
        if not adds:
            return dX, added, sums
        db += sums
        return dX, dW, db
