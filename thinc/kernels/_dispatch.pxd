# The kernel table of include/thinc/dispatch.hh: the only declaration of our C++ headers in Cython.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t


cdef extern from "thinc/dispatch.hh" namespace "thinc" nogil:
    cdef cppclass CpuFeatures:
        bint sse42, avx2, fma, avx512f, avx512dq, avx512bw, avx512vl, neon
        bint has_avx2()
        bint has_avx512()
    CpuFeatures cpu_features()

    # --- activations
    cdef cppclass Activations[T]:
        void (*relu)(T* y, const T* x, size_t n) noexcept nogil
        void (*backprop_relu)(T* dx, const T* dy, const T* y, size_t n) noexcept nogil

    # --- reductions
    cdef cppclass Reductions[T]:
        void (*reduce_sum)(T* out, const T* X, const int32_t* lengths, size_t B, size_t O) noexcept nogil
        void (*reduce_mean)(T* out, const T* X, const int32_t* lengths, size_t B, size_t O) noexcept nogil
        void (*reduce_max)(
            T* maxes, int32_t* which, const T* X, const int32_t* lengths, size_t B, size_t O
        ) noexcept nogil
        void (*backprop_reduce_sum)(T* dX, const T* d, const int32_t* lengths, size_t B, size_t O) noexcept nogil
        void (*backprop_reduce_mean)(T* dX, const T* d, const int32_t* lengths, size_t B, size_t O) noexcept nogil
        ptrdiff_t (*backprop_reduce_max)(
            T* dX, const T* d, const int32_t* which, const int32_t* lengths, size_t B, size_t O
        ) noexcept nogil

    # --- windows
    cdef cppclass Windows[T]:
        void (*seq2col)(T* out, const T* X, const int32_t* lengths, size_t n, size_t I, size_t nW) noexcept nogil
        void (*backprop_seq2col)(
            T* dX, const T* dY, const int32_t* lengths, size_t n, size_t I, size_t nW
        ) noexcept nogil

    # --- tables
    cdef cppclass Tables[T]:
        ptrdiff_t (*gather_add)(
            T* out, const T* table, const int32_t* indices, size_t rows, size_t O, size_t B, size_t K
        ) noexcept nogil
        ptrdiff_t (*scatter_add)(
            T* table, const int32_t* indices, const T* values, size_t rows, size_t O, size_t B, size_t K
        ) noexcept nogil

    # --- hashing
    cdef cppclass Hashing:
        void (*hash_ids)(uint32_t* out, const uint64_t* ids, uint32_t seed, size_t n) noexcept nogil
        void (*hash_rows)(
            int32_t* rows, const uint64_t* ids, uint32_t seed, uint32_t T, size_t n
        ) noexcept nogil
        void (*hash_ngrams)(uint64_t* out, const uint64_t* keys, size_t size, size_t n) noexcept nogil

    # --- matrix products
    cdef cppclass GemmCall[T]:
        ptrdiff_t M, N, K
        const T* A
        ptrdiff_t rsa, csa
        const T* B
        ptrdiff_t rsb, csb
        T* C
        ptrdiff_t rsc
        T alpha, beta
        const T* bias
    const size_t gemm_least_work
    cdef cppclass Gemm[T]:
        size_t (*workspace)(const GemmCall[T]* call) noexcept nogil
        void (*gemm)(const GemmCall[T]* call, T* work, size_t size) noexcept nogil
        void (*axpy)(T* y, T alpha, const T* x, size_t n) noexcept nogil

    # --- everything that exists for float and for double
    cdef cppclass RealKernels[T]:
        Activations[T] activations
        Reductions[T] reductions
        Windows[T] windows
        Tables[T] tables
        Gemm[T] gemm

    cdef cppclass Kernels:
        const char* isa
        RealKernels[float] f32
        RealKernels[double] f64
        Hashing hashing

    # chosen by the type of an array pointer, so that fused functions need no branches
    const RealKernels[float]* real_kernels(const Kernels* kernels, const float* array)
    const RealKernels[double]* real_kernels(const Kernels* kernels, const double* array)
    int available_kernels(const Kernels** found)

cdef extern from "thinc/workspace.hh" namespace "thinc" nogil:
    # scratch memory of the calling thread, valid until its next call; NULL if there is none
    void* thread_workspace(size_t size)


# The table in use. Fetch it once per call: use_isa() may change it between calls.
cdef const Kernels* active() noexcept nogil
