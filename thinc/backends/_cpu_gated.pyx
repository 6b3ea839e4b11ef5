"""Gated units and the steps of the GRU on the CPU: check, allocate, release the GIL, call a kernel."""
cimport numpy as cnp
from libcpp cimport bool as cbool

from ..kernels._arrays cimport contiguous, empty2, is_matrix, is_real_array
from ..kernels._dispatch cimport GRUBackpropStep, GRUStep, RealKernels, active, real_kernels
from ..kernels._threads cimport Threads, threads

cnp.import_array()


cdef extern from "thinc/backends/_split_gated.hh" namespace "thinc" nogil:
    void split_gated[T](
        const Threads* threads, const RealKernels[T]* kernels, cbool swish, T* y, const T* a, size_t rows, size_t n)
    void split_backprop_gated[T](
        const Threads* threads, const RealKernels[T]* kernels, cbool swish, T* da, const T* dy, const T* a,
        size_t rows, size_t n)
    void split_gru_step[T](const Threads* threads, const RealKernels[T]* kernels, const GRUStep[T]* step)
    void split_backprop_gru_step[T](
        const Threads* threads, const RealKernels[T]* kernels, const GRUBackpropStep[T]* step)

ctypedef fused real:
    float
    double


cdef bint is_input(object X, Py_ssize_t rows, Py_ssize_t columns, int kind):
    # whether kernels take X as it is, as an array (rows, columns) of that type
    return is_matrix(X, rows, columns, kind) and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>X)


cdef bint is_output(object X, Py_ssize_t rows, Py_ssize_t columns, int kind):
    return is_matrix(X, rows, columns, kind) and cnp.PyArray_ISCARRAY(<cnp.ndarray>X)


cdef bint has_pairs(object A):
    # whether A is a matrix of real numbers with an even number of columns
    return (
        is_real_array(A) and cnp.PyArray_NDIM(<cnp.ndarray>A) == 2 and cnp.PyArray_DIM(<cnp.ndarray>A, 1) % 2 == 0
    )


cdef object gated(object A, bint swish):
    # the output, or None if that is not for the kernels
    if not has_pairs(A):
        return None
    cdef cnp.ndarray a = contiguous(A)
    cdef size_t rows = cnp.PyArray_DIM(a, 0), n = cnp.PyArray_DIM(a, 1) // 2
    cdef cnp.ndarray Y = empty2(rows, n, cnp.PyArray_TYPE(a))
    cdef void* y = cnp.PyArray_DATA(Y)
    cdef const void* src = cnp.PyArray_DATA(a)
    if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT32:
        with nogil:
            split_gated(
                threads(), real_kernels(active(), <const float*>src), swish, <float*>y, <const float*>src, rows, n)
    else:
        with nogil:
            split_gated(
                threads(), real_kernels(active(), <const double*>src), swish, <double*>y, <const double*>src, rows, n)
    return Y


cdef object backprop_gated(object dY, object A, bint swish):
    # the gradient, or None if that is not for the kernels
    if not has_pairs(A) or not is_real_array(dY):
        return None
    cdef cnp.ndarray a = contiguous(A), dy = contiguous(dY)
    cdef size_t rows = cnp.PyArray_DIM(a, 0), n = cnp.PyArray_DIM(a, 1) // 2
    if not is_input(dy, rows, n, cnp.PyArray_TYPE(a)):
        return None
    cdef cnp.ndarray dA = empty2(rows, 2 * n, cnp.PyArray_TYPE(a))
    cdef void* da = cnp.PyArray_DATA(dA)
    cdef const void* src = cnp.PyArray_DATA(a)
    cdef const void* grad = cnp.PyArray_DATA(dy)
    if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT32:
        with nogil:
            split_backprop_gated(
                threads(), real_kernels(active(), <const float*>src), swish, <float*>da, <const float*>grad,
                <const float*>src, rows, n)
    else:
        with nogil:
            split_backprop_gated(
                threads(), real_kernels(active(), <const double*>src), swish, <double*>da, <const double*>grad,
                <const double*>src, rows, n)
    return dA


cdef void run_step(
    cnp.ndarray a, cnp.ndarray u, cnp.ndarray b, cnp.ndarray h, cnp.ndarray y, cnp.ndarray gates, real* kind
):
    cdef GRUStep[real] step
    step.rows, step.nO = cnp.PyArray_DIM(h, 0), cnp.PyArray_DIM(h, 1)
    step.a, step.u = <const real*>cnp.PyArray_DATA(a), <const real*>cnp.PyArray_DATA(u)
    step.b, step.h = <const real*>cnp.PyArray_DATA(b), <const real*>cnp.PyArray_DATA(h)
    step.y = <real*>cnp.PyArray_DATA(y)
    step.gates = NULL
    if gates is not None:
        step.gates = <real*>cnp.PyArray_DATA(gates)
    with nogil:
        split_gru_step(threads(), real_kernels(active(), kind), &step)


cdef void run_backprop_step(
    cnp.ndarray dy, cnp.ndarray gates, cnp.ndarray h, cnp.ndarray dh, cnp.ndarray da, cnp.ndarray du, real* kind
):
    cdef GRUBackpropStep[real] step
    step.rows, step.nO = cnp.PyArray_DIM(h, 0), cnp.PyArray_DIM(h, 1)
    step.dy, step.gates = <const real*>cnp.PyArray_DATA(dy), <const real*>cnp.PyArray_DATA(gates)
    step.h, step.dh = <const real*>cnp.PyArray_DATA(h), <real*>cnp.PyArray_DATA(dh)
    step.da, step.du = <real*>cnp.PyArray_DATA(da), <real*>cnp.PyArray_DATA(du)
    with nogil:
        split_backprop_gru_step(threads(), real_kernels(active(), kind), &step)


class CpuGated:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def _glu(self, A):
        found = gated(A, False)
        return super()._glu(A) if found is None else found

    def _backprop_glu(self, dY, A):
        found = backprop_gated(dY, A, False)
        return super()._backprop_glu(dY, A) if found is None else found

    def _swiglu(self, A):
        found = gated(A, True)
        return super()._swiglu(A) if found is None else found

    def _backprop_swiglu(self, dY, A):
        found = backprop_gated(dY, A, True)
        return super()._backprop_swiglu(dY, A) if found is None else found

    def _gru_step(self, a, u, b, h, y, gates=None):
        cdef Py_ssize_t rows, n
        cdef int kind
        if is_real_array(h) and cnp.PyArray_NDIM(<cnp.ndarray>h) == 2:
            rows, n = cnp.PyArray_DIM(<cnp.ndarray>h, 0), cnp.PyArray_DIM(<cnp.ndarray>h, 1)
            kind = cnp.PyArray_TYPE(<cnp.ndarray>h)
            if is_input(h, rows, n, kind) and is_input(a, rows, 3 * n, kind) and is_input(u, rows, 3 * n, kind) \
                    and is_input(b, 1, n, kind) and is_output(y, rows, n, kind) \
                    and (gates is None or is_output(gates, rows, 4 * n, kind)):
                if kind == cnp.NPY_FLOAT32:
                    run_step[float](a, u, b, h, y, gates, NULL)
                else:
                    run_step[double](a, u, b, h, y, gates, NULL)
                return
        super()._gru_step(a, u, b, h, y, gates)

    def _backprop_gru_step(self, dy, gates, h, dh, da, du):
        cdef Py_ssize_t rows, n
        cdef int kind
        if is_real_array(h) and cnp.PyArray_NDIM(<cnp.ndarray>h) == 2:
            rows, n = cnp.PyArray_DIM(<cnp.ndarray>h, 0), cnp.PyArray_DIM(<cnp.ndarray>h, 1)
            kind = cnp.PyArray_TYPE(<cnp.ndarray>h)
            if is_input(h, rows, n, kind) and is_input(dy, rows, n, kind) and is_input(gates, rows, 4 * n, kind) \
                    and is_output(dh, rows, n, kind) and is_output(da, rows, 3 * n, kind) \
                    and is_output(du, rows, 3 * n, kind):
                if kind == cnp.NPY_FLOAT32:
                    run_backprop_step[float](dy, gates, h, dh, da, du, NULL)
                else:
                    run_backprop_step[double](dy, gates, h, dh, da, du, NULL)
                return
        super()._backprop_gru_step(dy, gates, h, dh, da, du)
