# BLIS's matrix products with the context that suits this CPU.

# C (m, n) = alpha * A B + beta * C with any strides, given as rows then columns.
# False: BLIS is not there, and nothing was done.
cdef bint blis_sgemm(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, float alpha, const float* A, Py_ssize_t rsa, Py_ssize_t csa,
    const float* B, Py_ssize_t rsb, Py_ssize_t csb, float beta, float* C, Py_ssize_t rsc, Py_ssize_t csc,
) noexcept nogil
cdef bint blis_dgemm(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, double alpha, const double* A, Py_ssize_t rsa, Py_ssize_t csa,
    const double* B, Py_ssize_t rsb, Py_ssize_t csb, double beta, double* C, Py_ssize_t rsc, Py_ssize_t csc,
) noexcept nogil
