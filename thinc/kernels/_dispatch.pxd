# The kernel table of include/thinc/dispatch.hh: the only declaration of our C++ headers in Cython.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "thinc/dispatch.hh" namespace "thinc" nogil:
    cdef cppclass CpuFeatures:
        bint sse42, avx2, fma, avx512f, avx512dq, avx512bw, avx512vl, neon
        bint has_avx2()
        bint has_avx512()
    CpuFeatures cpu_features()

    # --- activations
    cdef cppclass Activation[T]:
        void (*forward)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*backward)(T* dx, const T* dy, const T* x_or_y, size_t n, const double* args) noexcept nogil
    cdef cppclass Activations[T]:
        Activation[T] relu, clipped_linear, sigmoid, tanh, hard_swish, hard_swish_mobilenet
        Activation[T] dish, gelu, gelu_approx, mish
        void (*swish)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*backprop_swish)(
            T* dx, const T* dy, const T* x, const T* y, size_t n, const double* args) noexcept nogil
        void (*dsigmoid)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*dtanh)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*sechsq)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*erf)(T* y, const T* x, size_t n, const double* args) noexcept nogil

    # --- elementary functions
    cdef cppclass Elementary[T]:
        void (*exp)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*exp_moderate)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*exp_negative)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*log)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*log1p)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*tanh)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*logistic)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*erf)(T* y, const T* x, size_t n, const double* args) noexcept nogil
        void (*normal_tail)(T* y, const T* x, size_t n, const double* args) noexcept nogil

    # --- softmax
    cdef cppclass Softmaxes[T]:
        void (*softmax)(T* y, const T* x, size_t rows, size_t n, T scale) noexcept nogil
        void (*backprop_softmax)(
            T* dx, const T* y, const T* dy, size_t rows, size_t n, T scale) noexcept nogil
        void (*softmax_sequences)(
            T* y, const T* x, const int32_t* lengths, size_t B, size_t O) noexcept nogil
        void (*backprop_softmax_sequences)(
            T* dx, const T* dy, const T* y, const int32_t* lengths, size_t B, size_t O) noexcept nogil

    # --- layer norm and sums over rows
    cdef cppclass Normalizers[T]:
        void (*layernorm)(
            T* y, T* mu, T* rstd, const T* x, const T* gain, const T* bias, size_t rows, size_t n, T epsilon
        ) noexcept nogil
        void (*backprop_layernorm)(
            T* dx, T* dgain, T* dbias, const T* dy, const T* x, const T* gain, const T* mu, const T* rstd,
            size_t rows, size_t n) noexcept nogil
        void (*sum_columns)(T* sums, const T* x, size_t rows, size_t n) noexcept nogil

    # --- maxout
    cdef cppclass Maxouts[T]:
        void (*maxout)(T* best, int32_t* which, const T* x, size_t N, size_t P) noexcept nogil
        ptrdiff_t (*backprop_maxout)(
            T* dx, const T* dy, const int32_t* which, size_t N, size_t P) noexcept nogil

    # --- a dense layer with maxout
    cdef cppclass MaxoutDense[T]:
        ptrdiff_t B, nO, P, nI, sX
        const T* X
        const T* W
        const T* b
        T* Y
        uint8_t* which

    cdef cppclass MaxoutGradient[T]:
        ptrdiff_t B, nO, P, nI, sdY, swhich, sX
        const T* dY
        const uint8_t* which
        const T* X
        const T* W
        T* dX
        T* dW
        T* db

    cdef cppclass MaxoutDenses[T]:
        size_t (*workspace)(const MaxoutDense[T]* call) noexcept nogil
        void (*forward)(const MaxoutDense[T]* call, T* work, size_t size) noexcept nogil
        size_t (*gradient_workspace)(const MaxoutGradient[T]* call) noexcept nogil
        ptrdiff_t (*gradient)(const MaxoutGradient[T]* call, T* work) noexcept nogil

    # --- random numbers
    cdef cppclass Random:
        void (*bits)(uint32_t* out, size_t n, uint64_t key, uint64_t first) noexcept nogil
        void (*dropout_mask)(
            float* mask, size_t n, uint64_t key, uint64_t first, uint32_t threshold, float scale
        ) noexcept nogil

    cdef cppclass Dropout[T]:
        void (*forward)(
            T* y, uint64_t* kept, const T* x, size_t n, uint64_t key, uint64_t first, uint32_t threshold, T scale,
            size_t whole
        ) noexcept nogil
        void (*backward)(T* dx, const T* dy, const uint64_t* kept, size_t n, T scale, size_t whole) noexcept nogil

    # --- attention of one query over sequences
    cdef cppclass QueryAttention[T]:
        void (*forward)(
            T* Y, T* a, const T* X, const T* K, const T* Q, const int32_t* lengths, size_t B, size_t O, size_t whole
        ) noexcept nogil
        void (*backward)(
            T* dX, T* dK, T* d, const T* dY, const T* X, const T* Q, const T* a, const int32_t* lengths, size_t B,
            size_t O, size_t whole
        ) noexcept nogil

    # --- reductions
    cdef cppclass Reductions[T]:
        void (*reduce_sum)(T* out, const T* X, const int32_t* lengths, size_t B, size_t O) noexcept nogil
        void (*reduce_mean)(T* out, const T* X, const int32_t* lengths, size_t B, size_t O) noexcept nogil
        void (*reduce_max)(
            T* maxes, int32_t* which, const T* X, const int32_t* lengths, size_t B, size_t O
        ) noexcept nogil
        void (*backprop_reduce_sum)(
            T* dX, const T* d, const int32_t* lengths, size_t B, size_t O) noexcept nogil
        void (*backprop_reduce_mean)(
            T* dX, const T* d, const int32_t* lengths, size_t B, size_t O) noexcept nogil
        ptrdiff_t (*backprop_reduce_max)(
            T* dX, const T* d, const int32_t* which, const int32_t* lengths, size_t B, size_t O
        ) noexcept nogil

    # --- windows
    cdef cppclass Windows[T]:
        void (*seq2col)(
            T* out, const T* X, const int32_t* lengths, size_t n, size_t I, size_t nW, size_t first, size_t last
        ) noexcept nogil
        void (*backprop_seq2col)(
            T* dX, const T* dY, const int32_t* lengths, size_t n, size_t I, size_t nW, size_t first, size_t last
        ) noexcept nogil
        void (*add)(T* out, const T* X, const T* Y, size_t n, size_t whole) noexcept nogil
        void (*multiply)(T* out, const T* X, const T* Y, size_t n, size_t whole) noexcept nogil
        void (*add_reversed)(
            T* out, const T* X, size_t X_stride, const T* Y, const int32_t* lengths, size_t S, size_t B, size_t I,
            size_t first, size_t last
        ) noexcept nogil

    # --- tables
    cdef cppclass Tables[T]:
        ptrdiff_t (*gather_add)(
            T* out, const T* table, const int32_t* indices, size_t rows, size_t O, size_t B, size_t K
        ) noexcept nogil
        ptrdiff_t (*scatter_add)(
            T* table, const int32_t* indices, const T* values, size_t rows, size_t O, size_t B, size_t K,
            uint32_t part, uint32_t parts
        ) noexcept nogil

    # --- hashing
    cdef cppclass Hashing:
        void (*hash_ids)(uint32_t* out, const uint64_t* ids, uint32_t seed, size_t n) noexcept nogil
        void (*hash_rows)(
            int32_t* rows, const uint64_t* ids, uint32_t seed, uint32_t T, size_t n
        ) noexcept nogil
        void (*hash_ngrams)(uint64_t* out, const uint64_t* keys, size_t size, size_t n) noexcept nogil
        void (*hash_slots)(uint32_t* out, const uint64_t* keys, uint32_t length, bint mask, size_t n) noexcept nogil
        uint32_t (*highest)(const uint32_t* x, size_t n) noexcept nogil

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
    cdef cppclass Gemm[T]:
        void (*axpy)(T* y, T alpha, const T* x, size_t n) noexcept nogil

    # --- LSTM
    cdef cppclass LSTMStep[T]:
        size_t rows, nO
        const T* a
        T* c
        T* h
        T* y
        size_t y_stride
        T* gates
        T* cells
    cdef cppclass LSTMBackpropStep[T]:
        size_t rows, nO
        const T* dy
        size_t dy_stride
        const T* dh
        const T* gates
        const T* cells
        const T* before
        size_t before_stride
        T* dc
        T* da
    cdef cppclass LSTMs[T]:
        void (*step)(const LSTMStep[T]* step) noexcept nogil
        void (*backprop_step)(const LSTMBackpropStep[T]* step) noexcept nogil

    # --- gated units and the GRU
    cdef cppclass GRUStep[T]:
        size_t rows, nO
        const T* a
        const T* u
        const T* b
        const T* h
        T* y
        T* gates
    cdef cppclass GRUBackpropStep[T]:
        size_t rows, nO
        const T* dy
        const T* gates
        const T* h
        T* dh
        T* da
        T* du

    # --- optimizers
    cdef enum UpdateRule:
        update_sgd, update_momentum, update_adam, update_heavy_ball, update_nadam, update_lion, update_lamb
        update_schedule_free, update_adafactor

    cdef struct UpdateSettings:
        int rule, decay_first
        double step, gradient_step, beta1, beta2, eps, l2, decay, clip, average_rate
        double smallest_rms, largest_rms

    cdef struct ParameterUpdate:
        void* weights
        void* gradient
        void* mom1
        void* mom2
        void* average
        size_t size
        double factor
        const UpdateSettings* settings
        size_t rows, width
        void* work

    cdef cppclass Optimizers[T]:
        void (*update)(const ParameterUpdate* items, size_t count) noexcept nogil
        double (*sum_squares)(const T* x, size_t n) noexcept nogil
        double (*sum_squares_penalised)(const T* x, const T* w, double l2, size_t n) noexcept nogil
        void (*scale)(T* x, double factor, size_t n) noexcept nogil
        void (*update_average)(T* average, const T* weights, double rate, size_t n) noexcept nogil

    # --- losses
    cdef struct LabelledRows:
        void* gradient
        const void* guesses
        const int64_t* codes
        size_t rows, classes
        double gold, other

    cdef struct SoftRows:
        void* gradient
        const void* guesses
        const void* truths
        const void* weights
        const unsigned char* keep
        size_t rows, classes
        int relative

    cdef struct BinaryLoss:
        double positive, negative, focus, missing
        int from_logits

    cdef enum LossRange:
        guesses_out_of_range, truths_out_of_range

    cdef cppclass Losses[T]:
        int (*cross_entropy_labels)(
            const LabelledRows* items, size_t count, double scale, double* loss
        ) noexcept nogil
        int (*cross_entropy_soft)(
            T* gradient, const T* guesses, const T* truths, const unsigned char* keep, size_t rows,
            size_t classes, double scale, double* loss
        ) noexcept nogil
        double (*squared_error)(
            T* gradient, const T* guesses, const T* truths, size_t n, double scale
        ) noexcept nogil
        double (*cosine)(
            T* gradient, T* similarity, const T* guesses, const T* truths, size_t rows, size_t width,
            double scale, int ignore_zeros
        ) noexcept nogil
        int (*log_loss_labels)(
            const LabelledRows* item, const T* weights, int from_logits, double scale, double* loss
        ) noexcept nogil
        int (*log_loss_soft)(
            const SoftRows* item, int from_logits, double scale, double* loss
        ) noexcept nogil
        int (*binary)(
            T* gradient, const T* guesses, const T* truths, const T* weights, size_t rows, size_t columns,
            const BinaryLoss* settings, double scale, double* loss
        ) noexcept nogil
        double (*huber)(
            T* gradient, const T* guesses, const T* truths, size_t n, double delta, double scale
        ) noexcept nogil
        int (*margin_ranking)(
            T* gradient, const T* guesses, const T* truths, size_t n, double margin, double scale, double* loss
        ) noexcept nogil
        void (*logloss)(T* out, const T* truths, const T* guesses, size_t n, const double* args) noexcept nogil

    # --- copies
    cdef cppclass Copies[T]:
        void (*transpose)(
            T* to, size_t to_stride, const T* x, size_t stride, size_t rows, size_t columns
        ) noexcept nogil

    # --- batching
    cdef cppclass Batching:
        ptrdiff_t (*gather_rows)(
            char* out, const char* rows, const int64_t* index, size_t n, size_t n_rows, size_t row_bytes
        ) noexcept nogil

    # --- everything that exists for float and for double
    cdef cppclass RealKernels[T]:
        Activations[T] activations
        Elementary[T] elementary
        Softmaxes[T] softmax
        Normalizers[T] normalize
        Dropout[T] dropout
        Maxouts[T] maxout
        MaxoutDenses[T] maxout_dense
        Reductions[T] reductions
        Windows[T] windows
        Tables[T] tables
        Gemm[T] gemm
        LSTMs[T] lstm
        QueryAttention[T] query_attention
        Optimizers[T] optimizers
        Losses[T] losses
        Copies[T] copies

    cdef cppclass Kernels:
        const char* isa
        RealKernels[float] f32
        RealKernels[double] f64
        Random random
        Hashing hashing
        Batching batching

    # chosen by the type of an array pointer, so that fused functions need no branches
    const RealKernels[float]* real_kernels(const Kernels* kernels, const float* array)
    const RealKernels[double]* real_kernels(const Kernels* kernels, const double* array)
    int available_kernels(const Kernels** found)

cdef extern from "thinc/workspace.hh" namespace "thinc" nogil:
    # scratch memory of the calling thread, valid until its next call; NULL if there is none
    void* thread_workspace(size_t size)

cdef extern from "thinc/pages.hh" namespace "thinc" nogil:
    void prefer_large_pages(void* memory, size_t size)

cdef extern from "thinc/writer.hh" namespace "thinc" nogil:
    # pieces put together, from front to back; large ones past the caches
    cdef cppclass Writer:
        void begin(void* out, size_t total)
        void put(const void* source, size_t n)
        void zeros(size_t n)
        void end()
    # the bytes from first to last of them; `at`: where the first piece to come belongs
    cdef cppclass PartWriter:
        void begin(void* out, size_t total, size_t first, size_t last, size_t at)
        void put(const void* source, size_t n)
        void zeros(size_t n)
        bint is_done()
        void end()


# The table in use. Fetch it once per call: use_isa() may change it between calls.
cdef const Kernels* active() noexcept nogil
