// Pooling of ragged rows: X (T, O) row-major holds B sequences of lengths[b] rows one after another, which the caller
// has checked to be >= 0 and to sum to at most T. float, double. Inputs and outputs do not overlap. Outputs need not
// be initialised. Sums run over the rows in order, one accumulator per column.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/loop.hh"
#include "thinc/simd/wide.hh"

namespace thinc::THINC_ISA {

template <int N> struct Vectors { static constexpr int count = N; };
// body(j, vectors, position): columns j to j + vectors * lanes of rows of O, four vectors at a time while there are as
// many: their additions and comparisons do not wait for each other, and rows are read in longer pieces.
template <typename T, typename F> THINC_INLINE void for_columns(std::size_t O, F body) {
    constexpr std::size_t L = Vec<T>::lanes;
    std::size_t j = 0;
    for (; j + 4 * L <= O; j += 4 * L) body(j, Vectors<4>(), Whole<T>{0});
    for (; j + L <= O; j += L) body(j, Vectors<1>(), Whole<T>{0});
    if (j < O) body(j, Vectors<1>(), Part<T>{0, O - j});
}
// The same columns of a row to come: the hardware does not go along with pieces of rows.
template <typename T, int N> THINC_INLINE void fetch_columns(const T* x, std::size_t O) {
    constexpr std::size_t rows_ahead = 8;
    if constexpr (N > 1)
        for (std::size_t k = 0; k < N * THINC_VECTOR_BYTES; k += 64)
            prefetch_address(reinterpret_cast<std::uintptr_t>(x) + rows_ahead * O * sizeof(T) + k);
}

// out[j] = scale * sum of n rows of X (n, O) at column j.
template <typename T> THINC_INLINE void sum_rows(T* out, const T* X, std::size_t n, std::size_t O, T scale) {
    using V = Vec<T>;
    for_columns<T>(O, [&](std::size_t j, auto vectors, auto at) THINC_INLINE_LAMBDA {
        constexpr int N = decltype(vectors)::count;
        V sums[N];
        for (int k = 0; k < N; ++k) sums[k] = V::fill(0);
        const T* x = X + j;
        for (std::size_t t = 0; t < n; ++t, x += O) {
            fetch_columns<T, N>(x, O);
            for (int k = 0; k < N; ++k) sums[k] = sums[k] + at.load(x + k * V::lanes);
        }
        for (int k = 0; k < N; ++k) at.store(out + j + k * V::lanes, sums[k] * V::fill(scale));
    });
}

// out (B, O): the sum of each sequence; zeros for an empty one.
template <typename T>
void reduce_sum(T* out, const T* X, const std::int32_t* lengths, std::size_t B, std::size_t O) {
    for (std::size_t b = 0; b < B; ++b) {
        const std::size_t n = static_cast<std::size_t>(lengths[b]);
        sum_rows(out, X, n, O, T(1));
        X += n * O;
        out += O;
    }
}

// out (B, O): the mean of each sequence; zeros for an empty one.
template <typename T>
void reduce_mean(T* out, const T* X, const std::int32_t* lengths, std::size_t B, std::size_t O) {
    for (std::size_t b = 0; b < B; ++b) {
        const std::size_t n = static_cast<std::size_t>(lengths[b]);
        sum_rows(out, X, n, O, n ? T(1) / static_cast<T>(n) : T(0));
        X += n * O;
        out += O;
    }
}

// `rows` rows of dX (rows, O) = scale * d.
template <typename T> THINC_INLINE T* repeat_row(T* dX, const T* d, std::size_t rows, std::size_t O, T scale) {
    const Vec<T> f = Vec<T>::fill(scale);
    for (std::size_t t = 0; t < rows; ++t, dX += O)
        for_each<T>(O, [&](auto at) THINC_INLINE_LAMBDA { at.store(dX, at.load(d) * f); });
    return dX;
}

// dX (sum of lengths, O): row d[b] repeated over its sequence.
template <typename T>
void backprop_reduce_sum(T* dX, const T* d, const std::int32_t* lengths, std::size_t B, std::size_t O) {
    for (std::size_t b = 0; b < B; ++b) dX = repeat_row(dX, d + b * O, static_cast<std::size_t>(lengths[b]), O, T(1));
}

// dX: row d[b] / lengths[b] repeated over its sequence.
template <typename T>
void backprop_reduce_mean(T* dX, const T* d, const std::int32_t* lengths, std::size_t B, std::size_t O) {
    for (std::size_t b = 0; b < B; ++b) {
        const std::size_t n = static_cast<std::size_t>(lengths[b]);
        dX = repeat_row(dX, d + b * O, n, O, n ? T(1) / static_cast<T>(n) : T(0));
    }
}

// maxes (B, O) and which (B, O): the largest value of each column of each sequence and its row within the sequence.
// The first of equal values wins; a NaN counts as larger than any number (the first one wins). Lengths must be > 0.
template <typename T>
void reduce_max(T* maxes, std::int32_t* which, const T* X, const std::int32_t* lengths, std::size_t B,
                std::size_t O) {
    using V = Vec<T>;
    using I = typename IntOf<T>::type;
    using W = Vec<I>;
    for (std::size_t b = 0; b < B; ++b, maxes += O, which += O) {
        const std::size_t n = static_cast<std::size_t>(lengths[b]);
        for_columns<T>(O, [&](std::size_t j, auto vectors, auto at) THINC_INLINE_LAMBDA {
            constexpr int N = decltype(vectors)::count;
            V best[N];
            W row[N];
            for (int k = 0; k < N; ++k) {
                best[k] = at.load(X + j + k * V::lanes);
                row[k] = W::fill(0);
            }
            const T* x = X + j;
            for (std::size_t t = 1; t < n; ++t) {
                x += O;
                fetch_columns<T, N>(x, O);
                for (int k = 0; k < N; ++k) {
                    const V value = at.load(x + k * V::lanes);
                    const Mask<T> better = ~le(value, best[k]) & eq(best[k], best[k]);
                    best[k] = select(better, value, best[k]);
                    row[k] = {better.m ? W::fill(static_cast<I>(t)).v : row[k].v};
                }
            }
            for (int k = 0; k < N; ++k) {
                at.store(maxes + j + k * V::lanes, best[k]);
                I rows[V::lanes];
                row[k].store(rows);
                const std::size_t left = O - j - k * V::lanes;
                for (std::size_t i = 0; i < (left < V::lanes ? left : V::lanes); ++i)
                    which[j + k * V::lanes + i] = static_cast<std::int32_t>(rows[i]);
            }
        });
        X += n * O;
    }
}

// dX (sum of lengths, O): d[b, j] at row which[b, j] of sequence b, zeros elsewhere. Returns the index b * O + j of
// the first `which` outside its sequence, having written nothing, or -1.
template <typename T>
std::ptrdiff_t backprop_reduce_max(T* dX, const T* d, const std::int32_t* which, const std::int32_t* lengths,
                                   std::size_t B, std::size_t O) {
    for (std::size_t b = 0; b < B; ++b)
        for (std::size_t j = 0; j < O; ++j)
            if (which[b * O + j] < 0 || which[b * O + j] >= lengths[b]) return static_cast<std::ptrdiff_t>(b * O + j);
    for (std::size_t b = 0; b < B; ++b, d += O, which += O) {
        const std::size_t size = static_cast<std::size_t>(lengths[b]) * O;
        __builtin_memset(dX, 0, size * sizeof(T));
        for (std::size_t j = 0; j < O; ++j) dX[static_cast<std::size_t>(which[j]) * O + j] = d[j];
        dX += size;
    }
    return -1;
}

template <typename T> constexpr Reductions<T> reduction_kernels() {
    return {reduce_sum<T>,          reduce_mean<T>,          reduce_max<T>,
            backprop_reduce_sum<T>, backprop_reduce_mean<T>, backprop_reduce_max<T>};
}

}  // namespace thinc::THINC_ISA
