"""Matrix products by our kernels, with scratch memory for them, over the threads of the pool if they are large.

BLIS (`_blis`) was not faster at any size measured, with any instruction set (figures in kernels/gemm.hh), so it is
not on the way of a product; it is kept within reach for comparison.
"""
from ._dispatch cimport Gemm, GemmCall, active
from ._threads cimport Threads, threads

from . import _blis, _dispatch


cdef extern from "thinc/kernels/_gemm_threads.hh" namespace "thinc" nogil:
    void multiply(const Threads& threads, const Gemm[float]& kernels, const GemmCall[float]& call)
    void multiply(const Threads& threads, const Gemm[double]& kernels, const GemmCall[double]& call)


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
    multiply(threads()[0], active().f32.gemm, call)


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
    multiply(threads()[0], active().f64.gemm, call)


cdef void saxpy(size_t n, float alpha, const float* x, float* y) noexcept nogil:
    active().f32.gemm.axpy(y, alpha, x, n)


cdef void daxpy(size_t n, double alpha, const double* x, double* y) noexcept nogil:
    active().f64.gemm.axpy(y, alpha, x, n)


def describe():
    """How matrices are multiplied here, as a dict: `kernels` (the ISA), and `blis` (see `_blis.describe`)."""
    return {"kernels": _dispatch.current_isa(), "blis": _blis.describe()}
