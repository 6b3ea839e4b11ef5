"""Activations on the CPU: check, allocate, release the GIL, call a kernel; or leave it to the reference."""
cimport numpy as cnp

from ..kernels._dispatch cimport active, real_kernels
from ..kernels._arrays cimport contiguous, empty_like, is_real_array, same_shape
from ..kernels._threads cimport threads
from ._split cimport split_backprop_swish, split_map, split_slope

cnp.import_array()

# The shapes of kernel: see include/thinc/dispatch.hh.
ctypedef void (*map32)(float* y, const float* x, size_t n, const double* args) noexcept nogil
ctypedef void (*map64)(double* y, const double* x, size_t n, const double* args) noexcept nogil
ctypedef void (*slope32)(
    float* dx, const float* dy, const float* x, size_t n, const double* args) noexcept nogil
ctypedef void (*slope64)(
    double* dx, const double* dy, const double* x, size_t n, const double* args) noexcept nogil


# Nanoseconds for an element of float32, from 0.1 in the cache to 1 from memory.
cdef double cost = 0.25


cdef bint check_writeable(str operation, cnp.ndarray out) except 0:
    if not cnp.PyArray_ISWRITEABLE(out):
        raise ValueError(f"Cannot compute {operation} in place: the array is read-only; use inplace=False")
    return True


cdef bint check_shapes(str operation, cnp.ndarray dY, cnp.ndarray X) except 0:
    if not same_shape(dY, X):
        raise ValueError(
            f"Cannot compute {operation}: the gradient has shape {(<object>dY).shape} but the array it "
            f"belongs to {(<object>X).shape}; they must be equal"
        )
    return True


cdef bint same_kind(object A, object B):
    return (
        is_real_array(A) and is_real_array(B)
        and cnp.PyArray_TYPE(<cnp.ndarray>A) == cnp.PyArray_TYPE(<cnp.ndarray>B)
    )


cdef cnp.ndarray readable(cnp.ndarray X, cnp.ndarray out):
    # X for a kernel that writes to `out`: contiguous, and either the same memory or none of it
    cdef cnp.ndarray x = contiguous(X)
    cdef char* a = cnp.PyArray_BYTES(x)
    cdef char* b = cnp.PyArray_BYTES(out)
    if a != b and a < b + cnp.PyArray_NBYTES(out) and b < a + cnp.PyArray_NBYTES(x):
        return <cnp.ndarray>cnp.PyArray_NewCopy(x, cnp.NPY_CORDER)
    return x


cdef object finish(cnp.ndarray target, cnp.ndarray y, bint inplace):
    # the result: y, or the caller's array, which y is or is copied to
    if inplace and y is not target:
        cnp.PyArray_CopyInto(target, y)
        return target
    return y


cdef object apply(str operation, object X, bint inplace, map32 f, map64 d, const double* args=NULL):
    # f(X); None if there is no kernel for this kind of X
    if not is_real_array(X):
        return None
    if inplace:
        check_writeable(operation, X)
    cdef cnp.ndarray x = contiguous(X)
    cdef cnp.ndarray y = x if inplace else empty_like(x)
    cdef size_t n = cnp.PyArray_SIZE(x)
    cdef void* out = cnp.PyArray_DATA(y)
    cdef const void* src = cnp.PyArray_DATA(x)
    if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32:
        with nogil:
            split_map(threads(), f, <float*>out, <const float*>src, n, args, cost)
    else:
        with nogil:
            split_map(threads(), d, <double*>out, <const double*>src, n, args, 2 * cost)
    return finish(X, y, inplace)


cdef object apply_slope(
    str operation, object dY, object X, object target, slope32 f, slope64 d, const double* args=NULL
):
    # dY * f'(X), written to `target` unless that is None; None if there is no kernel for these arrays
    if not same_kind(dY, X):
        return None
    check_shapes(operation, dY, X)
    cdef bint inplace = target is not None
    if inplace:
        check_writeable(operation, target)
    cdef cnp.ndarray y = contiguous(target) if inplace else empty_like(dY)
    cdef cnp.ndarray dy = readable(dY, y), x = readable(X, y)
    cdef size_t n = cnp.PyArray_SIZE(y)
    cdef void* out = cnp.PyArray_DATA(y)
    cdef const void* grad = cnp.PyArray_DATA(dy)
    cdef const void* src = cnp.PyArray_DATA(x)
    if cnp.PyArray_TYPE(y) == cnp.NPY_FLOAT32:
        with nogil:
            split_slope(threads(), f, <float*>out, <const float*>grad, <const float*>src, n, args, cost)
    else:
        with nogil:
            split_slope(
                threads(), d, <double*>out, <const double*>grad, <const double*>src, n, args, 2 * cost)
    return finish(target, y, inplace)


class CpuActivations:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def sigmoid(self, X, *, inplace=False):
        Y = apply(
            "sigmoid", X, inplace,
            active().f32.activations.sigmoid.forward, active().f64.activations.sigmoid.forward
        )
        return super().sigmoid(X, inplace=inplace) if Y is None else Y

    def backprop_sigmoid(self, dY, Y, *, inplace=False):
        dX = apply_slope(
            "backprop_sigmoid", dY, Y, Y if inplace else None,
            active().f32.activations.sigmoid.backward, active().f64.activations.sigmoid.backward,
        )
        return super().backprop_sigmoid(dY, Y, inplace=inplace) if dX is None else dX

    def dsigmoid(self, Y, *, inplace=False):
        S = apply(
            "dsigmoid", Y, inplace, active().f32.activations.dsigmoid, active().f64.activations.dsigmoid
        )
        return super().dsigmoid(Y, inplace=inplace) if S is None else S

    def dtanh(self, Y, *, inplace=False):
        S = apply(
            "dtanh", Y, inplace, active().f32.activations.dtanh, active().f64.activations.dtanh
        )
        return super().dtanh(Y, inplace=inplace) if S is None else S

    def relu(self, cnp.ndarray X not None, inplace=False):
        Y = apply(
            "relu", X, inplace, active().f32.activations.relu.forward, active().f64.activations.relu.forward
        )
        return super().relu(X, inplace=inplace) if Y is None else Y

    def backprop_relu(self, cnp.ndarray dY not None, cnp.ndarray Y not None, inplace=False):
        dX = apply_slope(
            "backprop_relu", dY, Y, dY if inplace else None,
            active().f32.activations.relu.backward, active().f64.activations.relu.backward,
        )
        return super().backprop_relu(dY, Y, inplace=inplace) if dX is None else dX

    def clipped_linear(self, X, slope=1.0, offset=0.0, min_val=0.0, max_val=1.0, inplace=False):
        cdef double[4] args = [slope, offset, min_val, max_val]
        Y = apply(
            "clipped_linear", X, inplace,
            active().f32.activations.clipped_linear.forward,
            active().f64.activations.clipped_linear.forward, args,
        )
        return super().clipped_linear(X, slope, offset, min_val, max_val, inplace) if Y is None else Y

    def backprop_clipped_linear(
        self, dY, X, slope=1.0, offset=0.0, min_val=0.0, max_val=1.0, inplace=False
    ):
        cdef double[4] args = [slope, offset, min_val, max_val]
        dX = apply_slope(
            "backprop_clipped_linear", dY, X, dY if inplace else None,
            active().f32.activations.clipped_linear.backward,
            active().f64.activations.clipped_linear.backward, args,
        )
        if dX is None:
            return super().backprop_clipped_linear(dY, X, slope, offset, min_val, max_val, inplace)
        return dX

    def swish(self, X, inplace=False):
        Y = apply(
            "swish", X, inplace, active().f32.activations.swish, active().f64.activations.swish
        )
        return super().swish(X, inplace=inplace) if Y is None else Y

    def backprop_swish(self, dY, X, Y, inplace=False):
        if not (same_kind(dY, X) and same_kind(dY, Y)):
            return super().backprop_swish(dY, X, Y, inplace=inplace)
        check_shapes("backprop_swish", dY, X)
        check_shapes("backprop_swish", dY, Y)
        if inplace:
            check_writeable("backprop_swish", dY)
        cdef cnp.ndarray dx = contiguous(dY) if inplace else empty_like(dY)
        cdef cnp.ndarray dy = readable(dY, dx), x = readable(X, dx), y = readable(Y, dx)
        cdef size_t n = cnp.PyArray_SIZE(dx)
        cdef void* out = cnp.PyArray_DATA(dx)
        cdef const void* grad = cnp.PyArray_DATA(dy)
        cdef const void* src = cnp.PyArray_DATA(x)
        cdef const void* value = cnp.PyArray_DATA(y)
        if cnp.PyArray_TYPE(dx) == cnp.NPY_FLOAT32:
            with nogil:
                split_backprop_swish(
                    threads(), real_kernels(active(), <const float*>src), <float*>out, <const float*>grad,
                    <const float*>src, <const float*>value, n)
        else:
            with nogil:
                split_backprop_swish(
                    threads(), real_kernels(active(), <const double*>src), <double*>out, <const double*>grad,
                    <const double*>src, <const double*>value, n)
        return finish(dY, dx, inplace)

    def hard_swish(self, X, inplace=False):
        Y = apply(
            "hard_swish", X, inplace,
            active().f32.activations.hard_swish.forward, active().f64.activations.hard_swish.forward
        )
        return super().hard_swish(X, inplace=inplace) if Y is None else Y

    def backprop_hard_swish(self, dY, X, inplace=False):
        dX = apply_slope(
            "backprop_hard_swish", dY, X, dY if inplace else None,
            active().f32.activations.hard_swish.backward, active().f64.activations.hard_swish.backward,
        )
        return super().backprop_hard_swish(dY, X, inplace=inplace) if dX is None else dX

    def hard_swish_mobilenet(self, X, inplace=False):
        Y = apply(
            "hard_swish_mobilenet", X, inplace,
            active().f32.activations.hard_swish_mobilenet.forward,
            active().f64.activations.hard_swish_mobilenet.forward
        )
        return super().hard_swish_mobilenet(X, inplace=inplace) if Y is None else Y

    def backprop_hard_swish_mobilenet(self, dY, X, inplace=False):
        dX = apply_slope(
            "backprop_hard_swish_mobilenet", dY, X, dY if inplace else None,
            active().f32.activations.hard_swish_mobilenet.backward,
            active().f64.activations.hard_swish_mobilenet.backward,
        )
        return super().backprop_hard_swish_mobilenet(dY, X, inplace=inplace) if dX is None else dX

    def dish(self, X, inplace=False):
        Y = apply(
            "dish", X, inplace, active().f32.activations.dish.forward, active().f64.activations.dish.forward
        )
        return super().dish(X, inplace=inplace) if Y is None else Y

    def backprop_dish(self, dY, X, inplace=False):
        dX = apply_slope(
            "backprop_dish", dY, X, dY if inplace else None,
            active().f32.activations.dish.backward, active().f64.activations.dish.backward,
        )
        return super().backprop_dish(dY, X, inplace=inplace) if dX is None else dX

    def gelu(self, X, inplace=False):
        Y = apply(
            "gelu", X, inplace, active().f32.activations.gelu.forward, active().f64.activations.gelu.forward
        )
        return super().gelu(X, inplace=inplace) if Y is None else Y

    def backprop_gelu(self, dY, X, inplace=False):
        dX = apply_slope(
            "backprop_gelu", dY, X, dY if inplace else None,
            active().f32.activations.gelu.backward, active().f64.activations.gelu.backward,
        )
        return super().backprop_gelu(dY, X, inplace=inplace) if dX is None else dX

    def gelu_approx(self, X, inplace=False):
        Y = apply(
            "gelu_approx", X, inplace,
            active().f32.activations.gelu_approx.forward, active().f64.activations.gelu_approx.forward
        )
        return super().gelu_approx(X, inplace=inplace) if Y is None else Y

    def backprop_gelu_approx(self, dY, X, inplace=False):
        dX = apply_slope(
            "backprop_gelu_approx", dY, X, dY if inplace else None,
            active().f32.activations.gelu_approx.backward, active().f64.activations.gelu_approx.backward,
        )
        return super().backprop_gelu_approx(dY, X, inplace=inplace) if dX is None else dX

    def mish(self, cnp.ndarray X not None, threshold=20.0, inplace=False):
        cdef double[1] args = [threshold]
        Y = apply(
            "mish", X, inplace,
            active().f32.activations.mish.forward, active().f64.activations.mish.forward, args
        )
        return super().mish(X, threshold, inplace) if Y is None else Y

    def backprop_mish(self, cnp.ndarray dY not None, cnp.ndarray X not None, threshold=20.0, inplace=False):
        cdef double[1] args = [threshold]
        dX = apply_slope(
            "backprop_mish", dY, X, dY if inplace else None,
            active().f32.activations.mish.backward, active().f64.activations.mish.backward, args,
        )
        return super().backprop_mish(dY, X, threshold, inplace) if dX is None else dX

    def erf(self, X):
        Y = apply("erf", X, False, active().f32.activations.erf, active().f64.activations.erf)
        return super().erf(X) if Y is None else Y

    def logloss(self, y_true, y_pred):
        if not same_kind(y_true, y_pred) or not same_shape(<cnp.ndarray>y_true, <cnp.ndarray>y_pred):
            return super().logloss(y_true, y_pred)
        return apply_slope(
            "logloss", y_true, y_pred, None, active().f32.losses.logloss, active().f64.losses.logloss
        )

    def sechsq(self, X):
        Y = apply("sechsq", X, False, active().f32.activations.sechsq, active().f64.activations.sechsq)
        return super().sechsq(X) if Y is None else Y
