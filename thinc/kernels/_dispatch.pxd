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

    # --- optimizers
    cdef enum UpdateRule:
        update_sgd, update_momentum, update_adam

    cdef cppclass ParameterUpdate[T]:
        T* weights
        T* gradient
        T* mom1
        T* mom2
        T* average
        size_t size
        double step, average_rate
        int rule

    cdef struct UpdateSettings:
        double beta1, beta2, eps, l2, decay, clip

    cdef cppclass Optimizers[T]:
        void (*update)(const ParameterUpdate[T]* items, size_t count,
                       const UpdateSettings* settings) noexcept nogil
        double (*sum_squares)(const T* x, size_t n) noexcept nogil
        void (*scale)(T* x, double factor, size_t n) noexcept nogil
        void (*update_average)(T* average, const T* weights, double rate, size_t n) noexcept nogil

    # --- losses
    cdef cppclass LabelledRows[T]:
        T* gradient
        const T* guesses
        const int64_t* codes
        size_t rows, classes
        double gold, other

    cdef enum LossRange:
        guesses_out_of_range, truths_out_of_range

    cdef cppclass Losses[T]:
        int (*cross_entropy_labels)(const LabelledRows[T]* items, size_t count, double scale,
                                    double* loss) noexcept nogil
        int (*cross_entropy_soft)(T* gradient, const T* guesses, const T* truths, const unsigned char* keep,
                                  size_t rows, size_t classes, double scale, double* loss) noexcept nogil
        double (*squared_error)(T* gradient, const T* guesses, const T* truths, size_t n,
                                double scale) noexcept nogil
        double (*cosine)(T* gradient, T* similarity, const T* guesses, const T* truths, size_t rows,
                         size_t width, double scale, int ignore_zeros) noexcept nogil

    # --- batching
    cdef cppclass Batching:
        Py_ssize_t (*gather_rows)(char* out, const char* rows, const int64_t* index, size_t n, size_t n_rows,
                                  size_t row_bytes) noexcept nogil

    # --- everything that exists for float and for double
    cdef cppclass RealKernels[T]:
        Activations[T] activations
        Optimizers[T] optimizers
        Losses[T] losses

    cdef cppclass Kernels:
        const char* isa
        RealKernels[float] f32
        RealKernels[double] f64
        Batching batching

    # chosen by the type of an array pointer, so that fused functions need no branches
    const RealKernels[float]* real_kernels(const Kernels* kernels, const float* array)
    const RealKernels[double]* real_kernels(const Kernels* kernels, const double* array)
    int available_kernels(const Kernels** found)


# The table in use. Fetch it once per call: use_isa() may change it between calls.
cdef const Kernels* active() noexcept nogil
