// Operations as plain templates, for Cython code that cimports thinc.backends.numpy_ops. A is float or double, L a
// signed integer. Arrays are row-major and do not overlap, outputs come first, sizes last. This is the frozen, readable
// form; the kernels that thinc itself runs are in include/thinc/kernels.
//
// What does not fit together is an exception, before anything is written: std::invalid_argument (ValueError in Cython)
// for a length that is not allowed, std::out_of_range (IndexError) for lengths that exceed the rows and for
// an index that is none. Pointers are not checked.
#pragma once
#include <cmath>
#include <cstddef>
#include <stdexcept>

// y += alpha x, as in thinc.backends.cblas
template <typename T> struct axpy {
    typedef void (*ptr)(int N, T alpha, const T* X, int incX, T* Y, int incY);
};

namespace thinc_cpu_kernels {
template <typename L> void check_lengths(const L* lengths, L B, L T, L least, const char* text) {
    L rows = 0;
    for (L b = 0; b < B; ++b) {
        if (lengths[b] < least) throw std::invalid_argument(text);
        if (lengths[b] > T - rows) throw std::out_of_range("lengths must sum up to the number of rows");
        rows += lengths[b];
    }
}
template <typename L> void check_indices(const L* indices, std::ptrdiff_t n, L limit, const char* text) {
    for (std::ptrdiff_t i = 0; i < n; ++i)
        if (indices[i] < 0 || indices[i] >= limit) throw std::out_of_range(text);
}
// tanh(log(1 + exp(x))), by exp(-|x|), which does not overflow
template <typename A> A tanh_softplus(A x) {
    const A e = std::exp(x < 0 ? x : -x);
    return x < 0 ? e * (e + 2) / (e * (e + 2) + 2) : (1 + 2 * e) / (1 + 2 * e + 2 * e * e);
}
}  // namespace thinc_cpu_kernels

// best (B, O) is the largest of the P pieces of cands (B, O, P), which (B, O) its number, that of the first of equals.
template <typename A, typename L> void cpu_maxout(A* best, L* which, const A* cands, L B, L O, L P) {
    if (P < 1) throw std::invalid_argument("maxout: there must be at least one piece");
    for (std::ptrdiff_t i = 0; i < std::ptrdiff_t(B) * O; ++i, cands += P) {
        which[i] = 0;
        for (L p = 1; p < P; ++p)
            if (cands[p] > cands[which[i]]) which[i] = p;
        best[i] = cands[which[i]];
    }
}
// dX (B, O, P) += dY (B, O) where `which` says.
template <typename A, typename L> void cpu_backprop_maxout(A* dX, const A* dY, const L* which, L B, L O, L P) {
    thinc_cpu_kernels::check_indices<L>(which, std::ptrdiff_t(B) * O, P, "backprop_maxout: `which` is no piece");
    for (std::ptrdiff_t i = 0; i < std::ptrdiff_t(B) * O; ++i) dX[i * P + which[i]] += dY[i];
}

// maxes (B, O) are those of the rows of each of B sequences in X (T, O), which (B, O) the rows within them.
template <typename A, typename L>
void cpu_reduce_max(A* maxes, L* which, const A* X, const L* lengths, L B, L T, L O) {
    thinc_cpu_kernels::check_lengths<L>(lengths, B, T, 1, "reduce_max: all sequence lengths must be > 0");
    for (L b = 0; b < B; X += std::ptrdiff_t(lengths[b]) * O, ++b, maxes += O, which += O) {
        for (L o = 0; o < O; ++o) {
            which[o] = 0;
            for (L t = 1; t < lengths[b]; ++t)
                if (X[std::ptrdiff_t(t) * O + o] > X[std::ptrdiff_t(which[o]) * O + o]) which[o] = t;
            maxes[o] = X[std::ptrdiff_t(which[o]) * O + o];
        }
    }
}
// dX (T, O) += d (B, O) in the rows that `which` says.
template <typename A, typename L>
void cpu_backprop_reduce_max(A* dX, const A* d, const L* which, const L* lengths, L B, L T, L O) {
    thinc_cpu_kernels::check_lengths<L>(lengths, B, T, 1, "backprop_reduce_max: all sequence lengths must be > 0");
    for (L b = 0; b < B; ++b)
        thinc_cpu_kernels::check_indices<L>(which + std::ptrdiff_t(b) * O, O, lengths[b],
                                            "backprop_reduce_max: `which` is no row of the sequence");
    for (L b = 0; b < B; dX += std::ptrdiff_t(lengths[b]) * O, ++b, d += O, which += O)
        for (L o = 0; o < O; ++o) dX[std::ptrdiff_t(which[o]) * O + o] += d[o];
}

// out (B, O) += the sum, or the mean, of the rows of each sequence; nothing is added for an empty one.
template <typename A, typename L> void cpu_reduce_sum(A* out, const A* X, const L* lengths, L B, L T, L O) {
    thinc_cpu_kernels::check_lengths<L>(lengths, B, T, 0, "reduce_sum: all sequence lengths must be >= 0");
    for (L b = 0; b < B; ++b, out += O)
        for (L t = 0; t < lengths[b]; ++t, X += O)
            for (L o = 0; o < O; ++o) out[o] += X[o];
}
template <typename A, typename L> void cpu_reduce_mean(A* out, const A* X, const L* lengths, L B, L T, L O) {
    thinc_cpu_kernels::check_lengths<L>(lengths, B, T, 0, "reduce_mean: all sequence lengths must be >= 0");
    for (L b = 0; b < B; ++b, out += O)
        for (L t = 0; t < lengths[b]; ++t, X += O)
            for (L o = 0; o < O; ++o) out[o] += X[o] / lengths[b];
}
// dX (T, O) += d (B, O), or d divided by the length, in every row of the sequence.
template <typename A, typename L> void cpu_backprop_reduce_sum(A* dX, const A* d, const L* lengths, L B, L T, L O) {
    thinc_cpu_kernels::check_lengths<L>(lengths, B, T, 0, "backprop_reduce_sum: all sequence lengths must be >= 0");
    for (L b = 0; b < B; ++b, d += O)
        for (L t = 0; t < lengths[b]; ++t, dX += O)
            for (L o = 0; o < O; ++o) dX[o] += d[o];
}
template <typename A, typename L> void cpu_backprop_reduce_mean(A* dX, const A* d, const L* lengths, L B, L T, L O) {
    thinc_cpu_kernels::check_lengths<L>(lengths, B, T, 0, "backprop_reduce_mean: all sequence lengths must be >= 0");
    for (L b = 0; b < B; ++b, d += O)
        for (L t = 0; t < lengths[b]; ++t, dX += O)
            for (L o = 0; o < O; ++o) dX[o] += d[o] / lengths[b];
}

// In place: mish (Misra, 2019, https://arxiv.org/abs/1908.08681), x where x >= threshold.
template <typename A, typename L> void cpu_mish(A* Y, L N, A threshold) {
    for (L i = 0; i < N; ++i)
        if (!(Y[i] >= threshold)) Y[i] *= thinc_cpu_kernels::tanh_softplus(Y[i]);
}
// In place: dX, which holds dY, times the slope at X, which is 1 where x >= threshold.
template <typename A, typename L> void cpu_backprop_mish(A* dX, const A* X, L N, A threshold) {
    for (L i = 0; i < N; ++i) {
        const A x = X[i];
        if (x >= threshold) continue;
        const A t = thinc_cpu_kernels::tanh_softplus(x), sigmoid = 1 / (1 + std::exp(-x));
        dX[i] *= t + x * sigmoid * (1 - t * t);
    }
}
// In place: 0 where x <= 0.
template <typename A, typename L> void cpu_relu(A* X, L N) {
    for (L i = 0; i < N; ++i)
        if (X[i] <= 0) X[i] = 0;
}

// out (B, 2 nW + 1, I) += for each row of X (B, I) the rows within nW of it, of the same sequence; nL lengths.
template <typename A, typename L>
void seq2col(A* out, const A* X, const L* lengths, L nW, L B, L I, L nL) {
    thinc_cpu_kernels::check_lengths<L>(lengths, nL, B, 0, "seq2col: all sequence lengths must be >= 0");
    for (L s = 0; s < nL; ++s, X += std::ptrdiff_t(lengths[s - 1]) * I)
        for (L row = 0; row < lengths[s]; ++row)
            for (L w = -nW; w <= nW; ++w, out += I)
                for (L i = 0; i < I && row + w >= 0 && row + w < lengths[s]; ++i)
                    out[i] += X[std::ptrdiff_t(row + w) * I + i];
}
// d_seqs (B, I) += what each row contributed to d_cols (B, 2 nW + 1, I).
template <typename A, typename L>
void backprop_seq2col(A* d_seqs, const A* d_cols, const L* lengths, L B, L I, L nW, L nL) {
    thinc_cpu_kernels::check_lengths<L>(lengths, nL, B, 0, "backprop_seq2col: all sequence lengths must be >= 0");
    for (L s = 0; s < nL; ++s, d_seqs += std::ptrdiff_t(lengths[s - 1]) * I)
        for (L row = 0; row < lengths[s]; ++row)
            for (L w = -nW; w <= nW; ++w, d_cols += I)
                for (L i = 0; i < I && row + w >= 0 && row + w < lengths[s]; ++i)
                    d_seqs[std::ptrdiff_t(row + w) * I + i] += d_cols[i];
}

// out (B, O) += the K rows of table (T, O) that indices (B, K) name.
template <typename F, typename I>
void cpu_gather_add(typename axpy<F>::ptr add, F* out, const F* table, const I* indices, I T, I O, I B, I K) {
    thinc_cpu_kernels::check_indices<I>(indices, std::ptrdiff_t(B) * K, T, "gather_add: an index is no row of the table");
    for (I b = 0; b < B; ++b, out += O)
        for (I k = 0; k < K; ++k) add(static_cast<int>(O), 1, table + std::ptrdiff_t(*indices++) * O, 1, out, 1);
}
