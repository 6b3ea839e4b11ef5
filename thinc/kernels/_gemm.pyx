"""Matrix products by our kernels, with scratch memory for them.

BLIS (`_blis`) was not faster at any size measured, with any instruction set (figures in kernels/gemm.hh), so it is
not on the way of a product; it is kept within reach for comparison.
"""
from ._dispatch cimport GemmCall, Kernels, active, real_kernels, thread_workspace

from . import _blis, _dispatch

ctypedef fused real:
    float
    double


cdef void multiply(const GemmCall[real]* call, real* kind) noexcept nogil:
    # `kind` only names the type
    # on the stack: enough for small products, and for all (more slowly) when there is no memory
    cdef real spare[4096]
    cdef real* work = spare
    cdef const Kernels* kernels = active()
    cdef size_t size = real_kernels(kernels, kind).gemm.workspace(call)
    if size <= 4096:
        size = 4096
    else:
        work = <real*>thread_workspace(size * sizeof(real))
        if work == NULL:
            work, size = spare, 4096
    real_kernels(kernels, kind).gemm.gemm(call, work, size)


cdef void sgemm(
    Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, float alpha, const float* A, Py_ssize_t rsa, Py_ssize_t csa,
    const float* B, Py_ssize_t rsb, Py_ssize_t csb, float beta, float* C, Py_ssize_t rsc, const float* bias,
) noexcept nogil:
    cdef GemmCall[float] call
    call.M, call.N, call.K = M, N, K
    call.A, call.rsa, call.csa = A, rsa, csa
    call.B, call.rsb, call.csb = B, rsb, csb
    call.C, call.rsc, call.bias = C, rsc, bias
    call.alpha, call.beta = alpha, beta
    multiply[float](&call, C)


cdef void dgemm(
    Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, double alpha, const double* A, Py_ssize_t rsa, Py_ssize_t csa,
    const double* B, Py_ssize_t rsb, Py_ssize_t csb, double beta, double* C, Py_ssize_t rsc, const double* bias,
) noexcept nogil:
    cdef GemmCall[double] call
    call.M, call.N, call.K = M, N, K
    call.A, call.rsa, call.csa = A, rsa, csa
    call.B, call.rsb, call.csb = B, rsb, csb
    call.C, call.rsc, call.bias = C, rsc, bias
    call.alpha, call.beta = alpha, beta
    multiply[double](&call, C)


cdef void saxpy(size_t n, float alpha, const float* x, float* y) noexcept nogil:
    active().f32.gemm.axpy(y, alpha, x, n)


cdef void daxpy(size_t n, double alpha, const double* x, double* y) noexcept nogil:
    active().f64.gemm.axpy(y, alpha, x, n)


def describe():
    """How matrices are multiplied here, as a dict: `kernels` (the ISA), and `blis` (see `_blis.describe`)."""
    return {"kernels": _dispatch.current_isa(), "blis": _blis.describe()}
