# Matrix products for raw arrays: C (M, N) = alpha * A (M, K) B (K, N) + beta * C + bias.
# Strides count elements: rs between rows, cs between columns. Of the two strides of A one is 1, likewise of B;
# the columns of C are adjacent. beta == 0 does not read C. bias (N,) may be NULL. C overlaps no operand.

cdef void sgemm(
    Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, float alpha, const float* A, Py_ssize_t rsa, Py_ssize_t csa,
    const float* B, Py_ssize_t rsb, Py_ssize_t csb, float beta, float* C, Py_ssize_t rsc, const float* bias,
) noexcept nogil
cdef void dgemm(
    Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, double alpha, const double* A, Py_ssize_t rsa, Py_ssize_t csa,
    const double* B, Py_ssize_t rsb, Py_ssize_t csb, double beta, double* C, Py_ssize_t rsc, const double* bias,
) noexcept nogil

# y += alpha * x of adjacent elements
cdef void saxpy(size_t n, float alpha, const float* x, float* y) noexcept nogil
cdef void daxpy(size_t n, double alpha, const double* x, double* y) noexcept nogil
