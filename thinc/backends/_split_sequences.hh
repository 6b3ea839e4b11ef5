// Kernels over the threads of the pool: sequences of rows, one after another. A sequence is the work of one thread,
// but for windows, which are cut anywhere.
#pragma once
#include "_split.hh"

namespace thinc {

// f(first sequence, end, first row) for ranges of whole sequences that start within equal shares of the rows.
template <typename F>
void split_sequences(const Threads& threads, const std::int32_t* lengths, std::size_t B, std::size_t rows,
                     double nanoseconds, const F& f) {
    if (rows == 0) return f(std::size_t(0), B, std::size_t(0));
    split(threads, rows, nanoseconds, 1, [&](Index begin, Index end) {
        if (begin == 0 && end == Index(rows)) return f(std::size_t(0), B, std::size_t(0));
        std::size_t b = 0;
        Index row = 0;
        while (b < B && row < begin) row += lengths[b++];
        const std::size_t first = b, first_row = std::size_t(row);
        while (b < B && (row < end || end == Index(rows))) row += lengths[b++];
        if (first < b) f(first, b, first_row);
    });
}

// From rows to rows.
template <typename T>
void split_softmax_sequences(const Threads* threads, const RealKernels<T>* kernels, T* y, const T* x,
                             const std::int32_t* lengths, std::size_t B, std::size_t O, std::size_t rows) {
    split_sequences(*threads, lengths, B, rows, 0.2 * sizeof(T) * double(O),
                    [=](std::size_t b, std::size_t end, std::size_t r) {
                        kernels->softmax.softmax_sequences(y + r * O, x + r * O, lengths + b, end - b, O);
                    });
}

template <typename T>
void split_backprop_softmax_sequences(const Threads* threads, const RealKernels<T>* kernels, T* dx, const T* dy,
                                      const T* y, const std::int32_t* lengths, std::size_t B, std::size_t O,
                                      std::size_t rows) {
    split_sequences(*threads, lengths, B, rows, 0.1 * sizeof(T) * double(O),
                    [=](std::size_t b, std::size_t end, std::size_t r) {
                        kernels->softmax.backprop_softmax_sequences(dx + r * O, dy + r * O, y + r * O, lengths + b,
                                                                    end - b, O);
                    });
}

template <typename T>
void split_attend(const Threads* threads, const RealKernels<T>* kernels, T* Y, T* a, const T* X, const T* K, const T* Q,
                  const std::int32_t* lengths, std::size_t B, std::size_t O, std::size_t rows) {
    split_sequences(*threads, lengths, B, rows, 0.1 * sizeof(T) * double(O),
                    [=](std::size_t b, std::size_t end, std::size_t r) {
                        kernels->query_attention.forward(Y + r * O, a + r, X + r * O, K + r * O, Q, lengths + b,
                                                         end - b, O, rows * O);
                    });
}

// dX and dK may be null, or the same.
template <typename T>
void split_backprop_attend(const Threads* threads, const RealKernels<T>* kernels, T* dX, T* dK, T* d, const T* dY,
                           const T* X, const T* Q, const T* a, const std::int32_t* lengths, std::size_t B,
                           std::size_t O, std::size_t rows) {
    split_sequences(*threads, lengths, B, rows, 0.15 * sizeof(T) * double(O),
                    [=](std::size_t b, std::size_t end, std::size_t r) {
                        kernels->query_attention.backward(dX ? dX + r * O : nullptr, dK ? dK + r * O : nullptr, d + r,
                                                          dY + r * O, X + r * O, Q, a + r, lengths + b, end - b, O,
                                                          rows * O);
                    });
}

// From rows to one for each sequence: reduce_sum, reduce_mean.
template <typename T>
void split_pool(const Threads* threads,
                void (*f)(T* out, const T* X, const std::int32_t* lengths, std::size_t B, std::size_t O), T* out,
                const T* X, const std::int32_t* lengths, std::size_t B, std::size_t O, std::size_t rows) {
    split_sequences(*threads, lengths, B, rows, 0.05 * sizeof(T) * double(O),
                    [=](std::size_t b, std::size_t end, std::size_t r) {
                        f(out + b * O, X + r * O, lengths + b, end - b, O);
                    });
}

// Their way back.
template <typename T>
void split_unpool(const Threads* threads,
                  void (*f)(T* dX, const T* d, const std::int32_t* lengths, std::size_t B, std::size_t O), T* dX,
                  const T* d, const std::int32_t* lengths, std::size_t B, std::size_t O, std::size_t rows) {
    split_sequences(*threads, lengths, B, rows, 0.05 * sizeof(T) * double(O),
                    [=](std::size_t b, std::size_t end, std::size_t r) {
                        f(dX + r * O, d + b * O, lengths + b, end - b, O);
                    });
}

template <typename T>
void split_reduce_max(const Threads* threads, const RealKernels<T>* kernels, T* maxes, std::int32_t* which, const T* X,
                      const std::int32_t* lengths, std::size_t B, std::size_t O, std::size_t rows) {
    split_sequences(*threads, lengths, B, rows, 0.1 * sizeof(T) * double(O),
                    [=](std::size_t b, std::size_t end, std::size_t r) {
                        kernels->reductions.reduce_max(maxes + b * O, which + b * O, X + r * O, lengths + b, end - b,
                                                       O);
                    });
}

template <typename T>
Index split_backprop_reduce_max(const Threads* threads, const RealKernels<T>* kernels, T* dX, const T* d,
                                const std::int32_t* which, const std::int32_t* lengths, std::size_t B, std::size_t O,
                                std::size_t rows) {
    FirstBad bad;
    split_sequences(*threads, lengths, B, rows, 0.05 * sizeof(T) * double(O),
                    [=, &bad](std::size_t b, std::size_t end, std::size_t r) {
                        const Index found = kernels->reductions.backprop_reduce_max(
                            dX + r * O, d + b * O, which + b * O, lengths + b, end - b, O);
                        if (found >= 0) bad.add(Index(b * O) + found);
                    });
    return bad.get();
}

// seq2col and the way back.
template <typename T>
void split_windows(const Threads* threads,
                   void (*f)(T* out, const T* X, const std::int32_t* lengths, std::size_t n, std::size_t I,
                             std::size_t nW, std::size_t first, std::size_t last),
                   T* out, const T* X, const std::int32_t* lengths, std::size_t n, std::size_t I, std::size_t nW,
                   std::size_t rows) {
    split(*threads, rows, 0.04 * sizeof(T) * double(2 * nW + 1) * double(I), 1,
          [=](Index r, Index end) { f(out, X, lengths, n, I, nW, r, end); });
}

// Steps of B rows.
template <typename T>
void split_add_reversed(const Threads* threads, const RealKernels<T>* kernels, T* out, const T* X, std::size_t X_stride,
                        const T* Y, const std::int32_t* lengths, std::size_t S, std::size_t B, std::size_t I) {
    split(*threads, S, 0.06 * sizeof(T) * double(B) * double(I), 1, [=](Index t, Index end) {
        kernels->windows.add_reversed(out, X, X_stride, Y, lengths, S, B, I, t, end);
    });
}

}  // namespace thinc
