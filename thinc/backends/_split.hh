// Kernels over the threads of the pool: elements and rows. Each is computed from its own inputs alone, so that the
// result is the same however they are shared out. Costs are the nanoseconds that a number takes one thread, from 0.1
// in the cache to 1 from memory.
#pragma once
#include <cstddef>
#include <cstdint>

#include "thinc/dispatch.hh"
#include "thinc/kernels/_sums.hh"

namespace thinc {

using Index = std::ptrdiff_t;

// Elements: ranges of whole cache lines, whose vectors are those of the undivided array.
constexpr Index line = 64;

template <typename T>
void split_map(const Threads* threads, void (*f)(T* y, const T* x, std::size_t n, const double* args), T* y, const T* x,
               std::size_t n, const double* args, double nanoseconds) {
    split(*threads, n, nanoseconds, line, [=](Index i, Index end) { f(y + i, x + i, end - i, args); });
}

template <typename T>
void split_slope(const Threads* threads, void (*f)(T* dx, const T* dy, const T* x, std::size_t n, const double* args),
                 T* dx, const T* dy, const T* x, std::size_t n, const double* args, double nanoseconds) {
    split(*threads, n, nanoseconds, line, [=](Index i, Index end) { f(dx + i, dy + i, x + i, end - i, args); });
}

template <typename T>
void split_backprop_swish(const Threads* threads, const RealKernels<T>* kernels, T* dx, const T* dy, const T* x,
                          const T* y, std::size_t n) {
    split(*threads, n, 0.1 * sizeof(T), line, [=](Index i, Index end) {
        kernels->activations.backprop_swish(dx + i, dy + i, x + i, y + i, end - i, nullptr);
    });
}

template <typename T>
void split_combine(const Threads* threads, void (*f)(T* out, const T* x, const T* y, std::size_t n, std::size_t whole),
                   T* out, const T* x, const T* y, std::size_t n) {
    split(*threads, n, 0.05 * sizeof(T), line, [=](Index i, Index end) { f(out + i, x + i, y + i, end - i, n); });
}

inline void split_dropout_mask(const Threads* threads, const Kernels* kernels, float* mask, std::size_t n,
                               std::uint64_t key, std::uint32_t threshold, float scale) {
    split(*threads, n, 0.7, line, [=](Index i, Index end) {
        kernels->random.dropout_mask(mask + i, end - i, key, std::uint64_t(i), threshold, scale);
    });
}

// Parts begin at multiples of 64, with a word of `kept` of their own.
template <typename T>
void split_dropout(const Threads* threads, const RealKernels<T>* kernels, T* y, std::uint64_t* kept, const T* x,
                   std::size_t n, std::uint64_t key, std::uint32_t threshold, T scale) {
    split(*threads, n, 0.7, line, [=](Index i, Index end) {
        kernels->dropout.forward(y + i, kept + i / 64, x + i, end - i, key, std::uint64_t(i), threshold, scale, n);
    });
}

template <typename T>
void split_backprop_dropout(const Threads* threads, const RealKernels<T>* kernels, T* dx, const T* dy,
                            const std::uint64_t* kept, std::size_t n, T scale) {
    split(*threads, n, 0.05 * sizeof(T), line, [=](Index i, Index end) {
        kernels->dropout.backward(dx + i, dy + i, kept + i / 64, end - i, scale, n);
    });
}

// to (columns, rows) = x (rows, columns), `stride` elements between the rows of x
template <typename T>
void split_transpose(const Threads* threads, const RealKernels<T>* kernels, T* to, const T* x, std::size_t stride,
                     std::size_t rows, std::size_t columns) {
    split(*threads, columns, 0.1 * sizeof(T) * double(rows), line / Index(sizeof(T)), [=](Index j, Index end) {
        kernels->copies.transpose(to + std::size_t(j) * rows, rows, x + j, stride, rows, end - j);
    });
}

// --- groups of P pieces

template <typename T>
void split_maxout(const Threads* threads, const RealKernels<T>* kernels, T* best, std::int32_t* which, const T* x,
                  std::size_t N, std::size_t P) {
    split(*threads, N, 0.08 * sizeof(T) * double(P), line, [=](Index i, Index end) {
        kernels->maxout.maxout(best + i, which + i, x + std::size_t(i) * P, end - i, P);
    });
}

template <typename T>
Index split_backprop_maxout(const Threads* threads, const RealKernels<T>* kernels, T* dx, const T* dy,
                            const std::int32_t* which, std::size_t N, std::size_t P) {
    FirstBad bad;
    split(*threads, N, 0.08 * sizeof(T) * double(P), line, [=, &bad](Index i, Index end) {
        const Index found = kernels->maxout.backprop_maxout(dx + std::size_t(i) * P, dy + i, which + i, end - i, P);
        if (found >= 0) bad.add(i + found);
    });
    return bad.get();
}

// --- rows of n

template <typename T>
void split_softmax(const Threads* threads, const RealKernels<T>* kernels, T* y, const T* x, std::size_t rows,
                   std::size_t n, T scale) {
    split(*threads, rows, 0.2 * sizeof(T) * double(n), 1, [=](Index r, Index end) {
        kernels->softmax.softmax(y + r * n, x + r * n, end - r, n, scale);
    });
}

template <typename T>
void split_backprop_softmax(const Threads* threads, const RealKernels<T>* kernels, T* dx, const T* y, const T* dy,
                            std::size_t rows, std::size_t n, T scale) {
    split(*threads, rows, 0.1 * sizeof(T) * double(n), 1, [=](Index r, Index end) {
        kernels->softmax.backprop_softmax(dx + r * n, y + r * n, dy + r * n, end - r, n, scale);
    });
}

template <typename T>
void split_layernorm(const Threads* threads, const RealKernels<T>* kernels, T* y, T* mu, T* rstd, const T* x,
                     const T* gain, const T* bias, std::size_t rows, std::size_t n, T epsilon) {
    split(*threads, rows, 0.08 * sizeof(T) * double(n), 1, [=](Index r, Index end) {
        kernels->normalize.layernorm(y + r * n, mu + r, rstd + r, x + r * n, gain, bias, end - r, n, epsilon);
    });
}

template <typename T>
void split_backprop_layernorm(const Threads* threads, const RealKernels<T>* kernels, T* dx, T* dgain, T* dbias,
                              const T* dy, const T* x, const T* gain, const T* mu, const T* rstd, std::size_t rows,
                              std::size_t n) {
    T* const sums[] = {dgain, dbias};
    sum_row_chunks(*threads, sums, rows, n, 0.12 * sizeof(T), [=](T* const* to, Index r, Index end) {
        kernels->normalize.backprop_layernorm(dx + r * n, to[0], to[1], dy + r * n, x + r * n, gain, mu + r, rstd + r,
                                              end - r, n);
    });
}

template <typename T>
void split_rmsnorm(const Threads* threads, const RealKernels<T>* kernels, T* y, T* rstd, const T* x, const T* gain,
                   std::size_t rows, std::size_t n, T epsilon) {
    split(*threads, rows, 0.08 * sizeof(T) * double(n), 1, [=](Index r, Index end) {
        kernels->normalize.rmsnorm(y + r * n, rstd + r, x + r * n, gain, end - r, n, epsilon);
    });
}

template <typename T>
void split_backprop_rmsnorm(const Threads* threads, const RealKernels<T>* kernels, T* dx, T* dgain, const T* dy,
                            const T* x, const T* gain, const T* rstd, std::size_t rows, std::size_t n) {
    T* const sums[] = {dgain};
    sum_row_chunks(*threads, sums, rows, n, 0.12 * sizeof(T), [=](T* const* to, Index r, Index end) {
        kernels->normalize.backprop_rmsnorm(dx + r * n, to[0], dy + r * n, x + r * n, gain, rstd + r, end - r, n);
    });
}

template <typename T>
void split_sum_columns(const Threads* threads, const RealKernels<T>* kernels, T* sums, const T* x, std::size_t rows,
                       std::size_t n) {
    T* const all[] = {sums};
    sum_row_chunks(*threads, all, rows, n, 0.04 * sizeof(T), [=](T* const* to, Index r, Index end) {
        kernels->normalize.sum_columns(to[0], x + r * n, end - r, n);
    });
}

// --- rows of a table

template <typename T>
Index split_gather_add(const Threads* threads, const RealKernels<T>* kernels, T* out, const T* table,
                       const std::int32_t* indices, std::size_t rows, std::size_t O, std::size_t B, std::size_t K) {
    FirstBad bad;
    split(*threads, B, (0.1 * sizeof(T) * double(O) + 5) * double(K), 1, [=, &bad](Index b, Index end) {
        const Index found = kernels->tables.gather_add(out + b * O, table, indices + b * K, rows, O, end - b, K);
        if (found >= 0) bad.add(b * Index(K) + found);
    });
    return bad.get();
}

// Each thread takes some of the table's rows, all indices in order: a sum is the work of one thread. One that finds a
// bad index has written nothing, and so have the others, which find the same.
template <typename T>
Index split_scatter_add(const Threads* threads, const RealKernels<T>* kernels, T* table, const std::int32_t* indices,
                        const T* values, std::size_t rows, std::size_t O, std::size_t B, std::size_t K) {
    FirstBad bad;
    const double cost = (0.1 * sizeof(T) * double(O) + 5) * double(B) * double(K);
    const Index parts = count_parts(*threads, max_threads, cost / max_threads, 1);
    split_evenly(*threads, parts, [=, &bad](Index part) {
        bad.add(kernels->tables.scatter_add(table, indices, values, rows, O, B, K, std::uint32_t(part),
                                            std::uint32_t(parts)));
    });
    return bad.get();
}

// --- hashes

inline void split_hash_ids(const Threads* threads, const Kernels* kernels, std::uint32_t* out,
                           const std::uint64_t* ids, std::uint32_t seed, std::size_t n) {
    split(*threads, n, 4, line,
          [=](Index i, Index end) { kernels->hashing.hash_ids(out + 4 * i, ids + i, seed, end - i); });
}

inline void split_hash_rows(const Threads* threads, const Kernels* kernels, std::int32_t* rows,
                            const std::uint64_t* ids, std::uint32_t seed, std::uint32_t T, std::size_t n) {
    split(*threads, n, 6, line,
          [=](Index i, Index end) { kernels->hashing.hash_rows(rows + 4 * i, ids + i, seed, T, end - i); });
}

inline void split_hash_ngrams(const Threads* threads, const Kernels* kernels, std::uint64_t* out,
                              const std::uint64_t* keys, std::size_t size, std::size_t n) {
    split(*threads, n, 2.0 * double(size), line,
          [=](Index i, Index end) { kernels->hashing.hash_ngrams(out + i, keys + i, size, end - i); });
}

// --- an LSTM's step: rows

template <typename T>
void split_lstm_step(const Threads* threads, const RealKernels<T>* kernels, const LSTMStep<T>* step) {
    split(*threads, step->rows, 3.0 * sizeof(T) / 4 * double(step->nO), 1, [=](Index r, Index end) {
        LSTMStep<T> part = *step;
        const std::size_t nO = part.nO;
        part.rows = end - r;
        part.a += 4 * nO * r;
        part.c += nO * r;
        part.h += nO * r;
        part.y += part.y_stride * r;
        if (part.gates) {
            part.gates += 4 * nO * r;
            part.cells += nO * r;
        }
        kernels->lstm.step(&part);
    });
}

template <typename T>
void split_backprop_lstm_step(const Threads* threads, const RealKernels<T>* kernels, const LSTMBackpropStep<T>* step) {
    split(*threads, step->rows, 3.0 * sizeof(T) / 4 * double(step->nO), 1, [=](Index r, Index end) {
        LSTMBackpropStep<T> part = *step;
        const std::size_t nO = part.nO;
        part.rows = end - r;
        part.dy += part.dy_stride * r;
        part.dh += nO * r;
        part.gates += 4 * nO * r;
        part.cells += nO * r;
        part.before += part.before_stride * r;
        part.dc += nO * r;
        part.da += 4 * nO * r;
        kernels->lstm.backprop_step(&part);
    });
}

}  // namespace thinc
