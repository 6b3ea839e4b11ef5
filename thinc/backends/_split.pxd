# Kernels over the threads of the pool; shapes and contracts as in ../kernels/_dispatch.pxd. The costs, in nanoseconds,
# are what an item takes one thread.
from libc.stdint cimport int32_t, uint32_t, uint64_t

from ..kernels._dispatch cimport Kernels, LSTMBackpropStep, LSTMStep, RealKernels
from ..kernels._threads cimport Threads


cdef extern from "thinc/backends/_split.hh" namespace "thinc" nogil:
    void split_map[T](
        const Threads* threads, void (*f)(T* y, const T* x, size_t n, const double* args) noexcept nogil,
        T* y, const T* x, size_t n, const double* args, double nanoseconds)
    void split_slope[T](
        const Threads* threads,
        void (*f)(T* dx, const T* dy, const T* x, size_t n, const double* args) noexcept nogil,
        T* dx, const T* dy, const T* x, size_t n, const double* args, double nanoseconds)
    void split_backprop_swish[T](
        const Threads* threads, const RealKernels[T]* kernels, T* dx, const T* dy, const T* x, const T* y, size_t n)
    void split_combine[T](
        const Threads* threads, void (*f)(T* out, const T* X, const T* Y, size_t n, size_t whole) noexcept nogil,
        T* out, const T* x, const T* y, size_t n)
    void split_transpose[T](
        const Threads* threads, const RealKernels[T]* kernels, T* to, const T* x, size_t stride, size_t rows,
        size_t columns)
    void split_dropout_mask(
        const Threads* threads, const Kernels* kernels, float* mask, size_t n, uint64_t key, uint32_t threshold,
        float scale)
    void split_dropout[T](
        const Threads* threads, const RealKernels[T]* kernels, T* y, uint64_t* kept, const T* x, size_t n, uint64_t key,
        uint32_t threshold, T scale)
    void split_backprop_dropout[T](
        const Threads* threads, const RealKernels[T]* kernels, T* dx, const T* dy, const uint64_t* kept, size_t n,
        T scale)
    void split_maxout[T](
        const Threads* threads, const RealKernels[T]* kernels, T* best, int32_t* which, const T* x, size_t N, size_t P)
    ptrdiff_t split_backprop_maxout[T](
        const Threads* threads, const RealKernels[T]* kernels, T* dx, const T* dy, const int32_t* which, size_t N,
        size_t P)
    void split_softmax[T](
        const Threads* threads, const RealKernels[T]* kernels, T* y, const T* x, size_t rows, size_t n, T scale)
    void split_backprop_softmax[T](
        const Threads* threads, const RealKernels[T]* kernels, T* dx, const T* y, const T* dy, size_t rows, size_t n,
        T scale)
    void split_layernorm[T](
        const Threads* threads, const RealKernels[T]* kernels, T* y, T* mu, T* rstd, const T* x, const T* gain,
        const T* bias, size_t rows, size_t n, T epsilon)
    void split_backprop_layernorm[T](
        const Threads* threads, const RealKernels[T]* kernels, T* dx, T* dgain, T* dbias, const T* dy, const T* x,
        const T* gain, const T* mu, const T* rstd, size_t rows, size_t n)
    void split_rmsnorm[T](
        const Threads* threads, const RealKernels[T]* kernels, T* y, T* rstd, const T* x, const T* gain, size_t rows,
        size_t n, T epsilon)
    void split_backprop_rmsnorm[T](
        const Threads* threads, const RealKernels[T]* kernels, T* dx, T* dgain, const T* dy, const T* x, const T* gain,
        const T* rstd, size_t rows, size_t n)
    void split_sum_columns[T](
        const Threads* threads, const RealKernels[T]* kernels, T* sums, const T* x, size_t rows, size_t n)
    ptrdiff_t split_gather_add[T](
        const Threads* threads, const RealKernels[T]* kernels, T* out, const T* table, const int32_t* indices,
        size_t rows, size_t O, size_t B, size_t K)
    ptrdiff_t split_scatter_add[T](
        const Threads* threads, const RealKernels[T]* kernels, T* table, const int32_t* indices, const T* values,
        size_t rows, size_t O, size_t B, size_t K)
    void split_hash_ids(
        const Threads* threads, const Kernels* kernels, uint32_t* out, const uint64_t* ids, uint32_t seed, size_t n)
    void split_hash_rows(
        const Threads* threads, const Kernels* kernels, int32_t* rows, const uint64_t* ids, uint32_t seed, uint32_t T,
        size_t n)
    void split_hash_ngrams(
        const Threads* threads, const Kernels* kernels, uint64_t* out, const uint64_t* keys, size_t size, size_t n)
    void split_lstm_step[T](const Threads* threads, const RealKernels[T]* kernels, const LSTMStep[T]* step)
    void split_backprop_lstm_step[T](
        const Threads* threads, const RealKernels[T]* kernels, const LSTMBackpropStep[T]* step)


# Sequences: B of them, of `rows` rows in all.
cdef extern from "thinc/backends/_split_sequences.hh" namespace "thinc" nogil:
    void split_softmax_sequences[T](
        const Threads* threads, const RealKernels[T]* kernels, T* y, const T* x, const int32_t* lengths, size_t B,
        size_t O, size_t rows)
    void split_backprop_softmax_sequences[T](
        const Threads* threads, const RealKernels[T]* kernels, T* dx, const T* dy, const T* y, const int32_t* lengths,
        size_t B, size_t O, size_t rows)
    void split_pool[T](
        const Threads* threads,
        void (*f)(T* out, const T* X, const int32_t* lengths, size_t B, size_t O) noexcept nogil,
        T* out, const T* X, const int32_t* lengths, size_t B, size_t O, size_t rows)
    void split_unpool[T](
        const Threads* threads,
        void (*f)(T* dX, const T* d, const int32_t* lengths, size_t B, size_t O) noexcept nogil,
        T* dX, const T* d, const int32_t* lengths, size_t B, size_t O, size_t rows)
    void split_reduce_max[T](
        const Threads* threads, const RealKernels[T]* kernels, T* maxes, int32_t* which, const T* X,
        const int32_t* lengths, size_t B, size_t O, size_t rows)
    ptrdiff_t split_backprop_reduce_max[T](
        const Threads* threads, const RealKernels[T]* kernels, T* dX, const T* d, const int32_t* which,
        const int32_t* lengths, size_t B, size_t O, size_t rows)
    void split_windows[T](
        const Threads* threads,
        void (*f)(
            T* out, const T* X, const int32_t* lengths, size_t n, size_t I, size_t nW, size_t first, size_t last
        ) noexcept nogil,
        T* out, const T* X, const int32_t* lengths, size_t n, size_t I, size_t nW, size_t rows)
    void split_add_reversed[T](
        const Threads* threads, const RealKernels[T]* kernels, T* out, const T* X, size_t X_stride, const T* Y,
        const int32_t* lengths, size_t S, size_t B, size_t I)
