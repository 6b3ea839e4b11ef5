# The kernel table of include/thinc/dispatch.hh: the only declaration of our C++ headers in Cython.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t


cdef extern from "thinc/dispatch.hh" namespace "thinc" nogil:
    cdef cppclass CpuFeatures:
        bint sse42, avx2, fma, avx512f, avx512dq, avx512bw, avx512vl, neon
    CpuFeatures cpu_features()

    # --- activations
    cdef cppclass Activations[T]:
        void (*relu)(T* y, const T* x, size_t n) noexcept nogil
        void (*backprop_relu)(T* dx, const T* dy, const T* y, size_t n) noexcept nogil

    # --- everything that exists for float and for double
    cdef cppclass RealKernels[T]:
        Activations[T] activations

    cdef cppclass Kernels:
        const char* isa
        RealKernels[float] f32
        RealKernels[double] f64

    # chosen by the type of an array pointer, so that fused functions need no branches
    const RealKernels[float]* real_kernels(const Kernels* kernels, const float* array)
    const RealKernels[double]* real_kernels(const Kernels* kernels, const double* array)
    int available_kernels(const Kernels** found)


# The table in use. Fetch it once per call: use_isa() may change it between calls.
cdef const Kernels* active() noexcept nogil
