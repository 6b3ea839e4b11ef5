# C interface for other Cython packages, frozen: names, signatures and the size of CBlas are compiled into them.
from libcpp.memory cimport shared_ptr

# Row-major C (M, N) = alpha * op(A) op(B) + beta * C; op(A) is (M, K), op(B) is (K, N); ld*: elements between rows.
ctypedef void (*sgemm_ptr)(
    bint transA, bint transB, int M, int N, int K, float alpha, const float* A, int lda, const float* B, int ldb,
    float beta, float* C, int ldc
) noexcept nogil
# Y += alpha * X
ctypedef void (*saxpy_ptr)(int N, float alpha, const float* X, int incX, float* Y, int incY) noexcept nogil
ctypedef void (*daxpy_ptr)(int N, double alpha, const double* X, int incX, double* Y, int incY) noexcept nogil

cdef struct BlasFuncs

cdef class CBlas:
    cdef shared_ptr[BlasFuncs] ptr

cdef daxpy_ptr daxpy(CBlas cblas) noexcept nogil
cdef saxpy_ptr saxpy(CBlas cblas) noexcept nogil
cdef sgemm_ptr sgemm(CBlas cblas) noexcept nogil
cdef void set_daxpy(CBlas cblas, daxpy_ptr daxpy) noexcept nogil
cdef void set_saxpy(CBlas cblas, saxpy_ptr saxpy) noexcept nogil
cdef void set_sgemm(CBlas cblas, sgemm_ptr sgemm) noexcept nogil
