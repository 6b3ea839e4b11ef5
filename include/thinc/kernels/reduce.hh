// Pooling of ragged rows: X (T, O) row-major holds B sequences of lengths[b] rows one after another, which the caller
// has checked to be >= 0 and to sum to at most T. float, double. Inputs and outputs do not overlap. Outputs need not
// be initialised. Sums run over the rows in order, one accumulator per column.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/vec.hh"

namespace thinc::THINC_ISA {

// out[j] = scale * sum of n rows of X (n, stride O) at column j, for the columns [0, width).
template <typename T> THINC_INLINE void sum_rows(T* out, const T* X, std::size_t n, std::size_t O, T scale) {
    using V = Vec<T>;
    constexpr std::size_t L = V::lanes, wide = 4 * L;
    std::size_t j = 0;
    for (; j + wide <= O; j += wide) {  // four columns of vectors hide the latency of the additions
        V s0 = V::fill(0), s1 = s0, s2 = s0, s3 = s0;
        const T* x = X + j;
        for (std::size_t t = 0; t < n; ++t, x += O) {
            s0 = s0 + V::load(x);
            s1 = s1 + V::load(x + L);
            s2 = s2 + V::load(x + 2 * L);
            s3 = s3 + V::load(x + 3 * L);
        }
        const V f = V::fill(scale);
        (s0 * f).store(out + j);
        (s1 * f).store(out + j + L);
        (s2 * f).store(out + j + 2 * L);
        (s3 * f).store(out + j + 3 * L);
    }
    for (; j + L <= O; j += L) {
        V s = V::fill(0);
        const T* x = X + j;
        for (std::size_t t = 0; t < n; ++t, x += O) s = s + V::load(x);
        (s * V::fill(scale)).store(out + j);
    }
    for (; j < O; ++j) {
        T s = 0;
        const T* x = X + j;
        for (std::size_t t = 0; t < n; ++t, x += O) s += *x;
        out[j] = s * scale;
    }
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

// dX (sum of lengths, O): row d[b] repeated over its sequence.
template <typename T>
void backprop_reduce_sum(T* dX, const T* d, const std::int32_t* lengths, std::size_t B, std::size_t O) {
    for (std::size_t b = 0; b < B; ++b, d += O)
        for (std::int32_t t = 0; t < lengths[b]; ++t, dX += O) __builtin_memcpy(dX, d, O * sizeof(T));
}

// dX: row d[b] / lengths[b] repeated over its sequence.
template <typename T>
void backprop_reduce_mean(T* dX, const T* d, const std::int32_t* lengths, std::size_t B, std::size_t O) {
    for (std::size_t b = 0; b < B; ++b, d += O) {
        if (lengths[b] == 0) continue;
        const T scale = T(1) / static_cast<T>(lengths[b]);
        for (std::size_t j = 0; j < O; ++j) dX[j] = d[j] * scale;
        const T* first = dX;
        dX += O;
        for (std::int32_t t = 1; t < lengths[b]; ++t, dX += O) __builtin_memcpy(dX, first, O * sizeof(T));
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
        std::size_t j = 0;
        for (; j + V::lanes <= O; j += V::lanes) {
            V best = V::load(X + j);
            W row = W::fill(0);
            for (std::size_t t = 1; t < n; ++t) {
                const V x = V::load(X + t * O + j);
                const Mask<T> better = ~le(x, best) & eq(best, best);
                best = select(better, x, best);
                row = {better.m ? W::fill(static_cast<I>(t)).v : row.v};
            }
            best.store(maxes + j);
            I rows[V::lanes];
            row.store(rows);
            for (std::size_t k = 0; k < V::lanes; ++k) which[j + k] = static_cast<std::int32_t>(rows[k]);
        }
        for (; j < O; ++j) {
            T best = X[j];
            std::int32_t row = 0;
            for (std::size_t t = 1; t < n; ++t) {
                const T x = X[t * O + j];
                if (!(x <= best) && best == best) {
                    best = x;
                    row = static_cast<std::int32_t>(t);
                }
            }
            maxes[j] = best;
            which[j] = row;
        }
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
