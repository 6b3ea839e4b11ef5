"""A table of C BLAS routines for other Cython packages: our kernels, or on a Mac Apple's Accelerate."""
from libc.stdint cimport uintptr_t
from libcpp.memory cimport make_shared

from ..kernels cimport _gemm
from ._accelerate import find_routines

ctypedef void (*library_sgemm_ptr)(
    int order, int transA, int transB, int M, int N, int K, float alpha, const float* A, int lda, const float* B,
    int ldb, float beta, float* C, int ldc
) noexcept nogil


cdef struct BlasFuncs:
    daxpy_ptr daxpy
    saxpy_ptr saxpy
    sgemm_ptr sgemm


cdef void _sgemm(
    bint transA, bint transB, int M, int N, int K, float alpha, const float* A, int lda, const float* B, int ldb,
    float beta, float* C, int ldc
) noexcept nogil:
    _gemm.sgemm(
        M, N, K, alpha,
        A, 1 if transA else lda, lda if transA else 1,
        B, 1 if transB else ldb, ldb if transB else 1,
        beta, C, ldc, NULL,
    )


cdef void _saxpy(int N, float alpha, const float* X, int incX, float* Y, int incY) noexcept nogil:
    cdef Py_ssize_t i, x = incX, y = incY, n = N
    if n <= 0:
        return
    if x == 1 and y == 1:
        _gemm.saxpy(n, alpha, X, Y)
        return
    # as in every BLAS, a negative increment walks from the far end
    X -= (n - 1) * x if x < 0 else 0
    Y -= (n - 1) * y if y < 0 else 0
    for i in range(n):
        Y[i * y] += alpha * X[i * x]


cdef void _daxpy(int N, double alpha, const double* X, int incX, double* Y, int incY) noexcept nogil:
    cdef Py_ssize_t i, x = incX, y = incY, n = N
    if n <= 0:
        return
    if x == 1 and y == 1:
        _gemm.daxpy(n, alpha, X, Y)
        return
    X -= (n - 1) * x if x < 0 else 0
    Y -= (n - 1) * y if y < 0 else 0
    for i in range(n):
        Y[i * y] += alpha * X[i * x]


# Of the C interface of BLAS.
cdef enum:
    ROW_MAJOR = 101
    NOT_TRANSPOSED = 111
    TRANSPOSED = 112

cdef library_sgemm_ptr library_sgemm = NULL
cdef saxpy_ptr library_saxpy = NULL
cdef daxpy_ptr library_daxpy = NULL


cdef void _call_library_sgemm(
    bint transA, bint transB, int M, int N, int K, float alpha, const float* A, int lda, const float* B, int ldb,
    float beta, float* C, int ldc
) noexcept nogil:
    if M <= 0 or N <= 0:  # where a library may object to the distance of rows
        return
    library_sgemm(
        ROW_MAJOR, TRANSPOSED if transA else NOT_TRANSPOSED, TRANSPOSED if transB else NOT_TRANSPOSED,
        M, N, K, alpha, A, lda, B, ldb, beta, C, ldc,
    )


def _use_routines(uintptr_t sgemm, uintptr_t saxpy, uintptr_t daxpy):
    """Fill tables that are made from now on with a library's routines, given by their addresses; zeros: with ours."""
    global library_sgemm, library_saxpy, library_daxpy
    library_sgemm, library_saxpy, library_daxpy = (
        <library_sgemm_ptr>sgemm, <saxpy_ptr>saxpy, <daxpy_ptr>daxpy
    )


_use_routines(*find_routines())


cdef class CBlas:
    """BLAS routines as C function pointers, for Cython code; `NumpyOps.cblas()` makes one.

    Cython packages fetch a routine with `sgemm(cblas)`, `saxpy(cblas)`, `daxpy(cblas)` and may replace it in
    this object with the functions `set_…`. The routines may be called without the GIL, from any thread.
    """

    __slots__ = []

    def __cinit__(self):
        self.ptr = make_shared[BlasFuncs]()
        self.ptr.get().daxpy = _daxpy if library_daxpy == NULL else library_daxpy
        self.ptr.get().saxpy = _saxpy if library_saxpy == NULL else library_saxpy
        self.ptr.get().sgemm = _sgemm if library_sgemm == NULL else _call_library_sgemm


cdef daxpy_ptr daxpy(CBlas cblas) noexcept nogil:
    return cblas.ptr.get().daxpy


cdef saxpy_ptr saxpy(CBlas cblas) noexcept nogil:
    return cblas.ptr.get().saxpy


cdef sgemm_ptr sgemm(CBlas cblas) noexcept nogil:
    return cblas.ptr.get().sgemm


cdef void set_daxpy(CBlas cblas, daxpy_ptr daxpy) noexcept nogil:
    cblas.ptr.get().daxpy = daxpy


cdef void set_saxpy(CBlas cblas, saxpy_ptr saxpy) noexcept nogil:
    cblas.ptr.get().saxpy = saxpy


cdef void set_sgemm(CBlas cblas, sgemm_ptr sgemm) noexcept nogil:
    cblas.ptr.get().sgemm = sgemm
