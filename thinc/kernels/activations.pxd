# Activations for Cython code without the GIL: n contiguous elements of float or double, by the kernels that
# thinc has chosen for this CPU.
#
# Y = f(X), and dX = dY * f'. An output may be the same array as an input, but not overlap it otherwise. relu,
# sigmoid and tanh take their output Y on the way back, the others their input X, swish both. NaN gives NaN;
# infinities give the limits. Any thread may call them. Formulas: thinc.backends.Ops; errors: the heads of
# include/thinc/kernels/*.hh.

ctypedef fused real:
    float
    double

cdef void relu(real* Y, const real* X, size_t n) noexcept nogil
cdef void backprop_relu(real* dX, const real* dY, const real* Y, size_t n) noexcept nogil
cdef void sigmoid(real* Y, const real* X, size_t n) noexcept nogil
cdef void backprop_sigmoid(real* dX, const real* dY, const real* Y, size_t n) noexcept nogil
cdef void tanh(real* Y, const real* X, size_t n) noexcept nogil
cdef void backprop_tanh(real* dX, const real* dY, const real* Y, size_t n) noexcept nogil
cdef void swish(real* Y, const real* X, size_t n) noexcept nogil
cdef void backprop_swish(real* dX, const real* dY, const real* X, const real* Y, size_t n) noexcept nogil
cdef void hard_swish(real* Y, const real* X, size_t n) noexcept nogil
cdef void backprop_hard_swish(real* dX, const real* dY, const real* X, size_t n) noexcept nogil
cdef void hard_swish_mobilenet(real* Y, const real* X, size_t n) noexcept nogil
cdef void backprop_hard_swish_mobilenet(real* dX, const real* dY, const real* X, size_t n) noexcept nogil
cdef void dish(real* Y, const real* X, size_t n) noexcept nogil
cdef void backprop_dish(real* dX, const real* dY, const real* X, size_t n) noexcept nogil
cdef void gelu(real* Y, const real* X, size_t n) noexcept nogil
cdef void backprop_gelu(real* dX, const real* dY, const real* X, size_t n) noexcept nogil
cdef void gelu_approx(real* Y, const real* X, size_t n) noexcept nogil
cdef void backprop_gelu_approx(real* dX, const real* dY, const real* X, size_t n) noexcept nogil
# f(x) = x and f' = 1 where x >= threshold; 20 is usual
cdef void mish(real* Y, const real* X, size_t n, double threshold) noexcept nogil
cdef void backprop_mish(real* dX, const real* dY, const real* X, size_t n, double threshold) noexcept nogil
# f(x) = clip(slope * x + offset, min_val, max_val); on the way back a slope of 0 and a negative one are fine
cdef void clipped_linear(
    real* Y, const real* X, size_t n, double slope, double offset, double min_val, double max_val
) noexcept nogil
cdef void backprop_clipped_linear(
    real* dX, const real* dY, const real* X, size_t n,
    double slope, double offset, double min_val, double max_val
) noexcept nogil
cdef void erf(real* Y, const real* X, size_t n) noexcept nogil
# each of the rows of X (rows, n), divided by temperature
cdef void softmax(real* Y, const real* X, size_t rows, size_t n, real temperature) noexcept nogil
cdef void backprop_softmax(
    real* dX, const real* Y, const real* dY, size_t rows, size_t n, real temperature
) noexcept nogil
# the largest of the P > 0 pieces of each of N groups, and which it was; the first of equals, and the first NaN
cdef void maxout(real* best, int* which, const real* X, size_t N, size_t P) noexcept nogil
# dX (N, P); returns the position of the first which outside [0, P), dX being partly written then, or -1
cdef Py_ssize_t backprop_maxout(
    real* dX, const real* dY, const int* which, size_t N, size_t P
) noexcept nogil
