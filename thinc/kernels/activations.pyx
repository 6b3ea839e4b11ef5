"""Activations for Cython code without the GIL: the kernels of the table under public names."""
from libc.stdint cimport int32_t

from ._dispatch cimport active, real_kernels


cdef void relu(real* Y, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), X).activations.relu.forward(Y, X, n, NULL)


cdef void backprop_relu(real* dX, const real* dY, const real* Y, size_t n) noexcept nogil:
    real_kernels(active(), dY).activations.relu.backward(dX, dY, Y, n, NULL)


cdef void sigmoid(real* Y, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), X).activations.sigmoid.forward(Y, X, n, NULL)


cdef void backprop_sigmoid(real* dX, const real* dY, const real* Y, size_t n) noexcept nogil:
    real_kernels(active(), dY).activations.sigmoid.backward(dX, dY, Y, n, NULL)


cdef void tanh(real* Y, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), X).activations.tanh.forward(Y, X, n, NULL)


cdef void backprop_tanh(real* dX, const real* dY, const real* Y, size_t n) noexcept nogil:
    real_kernels(active(), dY).activations.tanh.backward(dX, dY, Y, n, NULL)


cdef void swish(real* Y, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), X).activations.swish(Y, X, n, NULL)


cdef void backprop_swish(real* dX, const real* dY, const real* X, const real* Y, size_t n) noexcept nogil:
    real_kernels(active(), X).activations.backprop_swish(dX, dY, X, Y, n, NULL)


cdef void hard_swish(real* Y, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), X).activations.hard_swish.forward(Y, X, n, NULL)


cdef void backprop_hard_swish(real* dX, const real* dY, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), dY).activations.hard_swish.backward(dX, dY, X, n, NULL)


cdef void hard_swish_mobilenet(real* Y, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), X).activations.hard_swish_mobilenet.forward(Y, X, n, NULL)


cdef void backprop_hard_swish_mobilenet(real* dX, const real* dY, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), dY).activations.hard_swish_mobilenet.backward(dX, dY, X, n, NULL)


cdef void dish(real* Y, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), X).activations.dish.forward(Y, X, n, NULL)


cdef void backprop_dish(real* dX, const real* dY, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), dY).activations.dish.backward(dX, dY, X, n, NULL)


cdef void gelu(real* Y, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), X).activations.gelu.forward(Y, X, n, NULL)


cdef void backprop_gelu(real* dX, const real* dY, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), dY).activations.gelu.backward(dX, dY, X, n, NULL)


cdef void gelu_approx(real* Y, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), X).activations.gelu_approx.forward(Y, X, n, NULL)


cdef void backprop_gelu_approx(real* dX, const real* dY, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), dY).activations.gelu_approx.backward(dX, dY, X, n, NULL)


cdef void mish(real* Y, const real* X, size_t n, double threshold) noexcept nogil:
    real_kernels(active(), X).activations.mish.forward(Y, X, n, &threshold)


cdef void backprop_mish(real* dX, const real* dY, const real* X, size_t n, double threshold) noexcept nogil:
    real_kernels(active(), X).activations.mish.backward(dX, dY, X, n, &threshold)


cdef void clipped_linear(
    real* Y, const real* X, size_t n, double slope, double offset, double min_val, double max_val
) noexcept nogil:
    cdef double[4] args = [slope, offset, min_val, max_val]
    real_kernels(active(), X).activations.clipped_linear.forward(Y, X, n, args)


cdef void backprop_clipped_linear(
    real* dX, const real* dY, const real* X, size_t n,
    double slope, double offset, double min_val, double max_val
) noexcept nogil:
    cdef double[4] args = [slope, offset, min_val, max_val]
    real_kernels(active(), X).activations.clipped_linear.backward(dX, dY, X, n, args)


cdef void erf(real* Y, const real* X, size_t n) noexcept nogil:
    real_kernels(active(), X).activations.erf(Y, X, n, NULL)


cdef void softmax(real* Y, const real* X, size_t rows, size_t n, real temperature) noexcept nogil:
    real_kernels(active(), X).softmax.softmax(Y, X, rows, n, 1 / temperature)


cdef void backprop_softmax(
    real* dX, const real* Y, const real* dY, size_t rows, size_t n, real temperature
) noexcept nogil:
    real_kernels(active(), Y).softmax.backprop_softmax(dX, Y, dY, rows, n, 1 / temperature)


cdef void maxout(real* best, int* which, const real* X, size_t N, size_t P) noexcept nogil:
    real_kernels(active(), X).maxout.maxout(best, <int32_t*>which, X, N, P)


cdef Py_ssize_t backprop_maxout(
    real* dX, const real* dY, const int* which, size_t N, size_t P
) noexcept nogil:
    return real_kernels(active(), dY).maxout.backprop_maxout(dX, dY, <const int32_t*>which, N, P)
