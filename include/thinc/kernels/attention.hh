// Scaled dot-product attention of one head over one sequence, Y = softmax(scale Q K^T) V, block by block: the matrix of
// scores is never stored (online softmax: Milakov and Gimelshein, 2018, https://arxiv.org/abs/1805.02867; blocks of keys,
// recomputed on the way back: Dao et al., 2022, https://arxiv.org/abs/2205.14135). float, double. Products by gemm.
// Causal: row q sees the keys up to q. Dropout on the weights after softmax, by the generator of random.hh: the mask of
// row q is the part of the stream from element first + q * row_bits on, and is computed again on the way back.
// A NaN makes its row NaN, as does a score of +infinity; and on the way back, all of the head.
// No output overlaps an input. Errors are those of the products and of exp, 1 ULP of each weight.
#pragma once
#include "thinc/kernels/gemm.hh"
#include "thinc/kernels/random.hh"
#include "thinc/simd/loop.hh"
#include "thinc/simd/math.hh"

namespace thinc::THINC_ISA {

namespace attention_limits {
constexpr gemm_index queries = 64, keys = 256;  // of a block: its scores are in the second-level cache
constexpr gemm_index gemm_work = 32768;         // elements
}  // namespace attention_limits

// Between the rows of a transposed copy: room for whole vectors, and no power of two, whose rows share few cache sets.
THINC_INLINE gemm_index transposed_stride(gemm_index n) { return ceil_div(n, 16) * 16 + 16; }

// Row `q` of the dropout mask, keys [k0, k0 + n); k0 is a multiple of 64.
template <typename T> void attention_mask(T* mask, const AttentionHead<T>& a, gemm_index q, gemm_index k0, gemm_index n) {
    const std::uint64_t at = a.first + std::uint64_t(q) * a.row_bits + std::uint64_t(k0);
    if constexpr (sizeof(T) == 4) {
        dropout_mask(mask, std::size_t(n), a.key, at, a.threshold, a.kept);
    } else {
        float narrow[attention_limits::keys];
        dropout_mask(narrow, std::size_t(n), a.key, at, a.threshold, a.kept);
        for (gemm_index i = 0; i < n; ++i) mask[i] = narrow[i] != 0 ? T(1) / (T(1) - T(a.rate)) : T(0);
    }
}

// How many of the keys [k0, k0 + n) row q sees.
template <typename T> gemm_index attention_visible(const AttentionHead<T>& a, gemm_index q, gemm_index k0, gemm_index n) {
    if (!a.causal) return n;
    return q < k0 ? 0 : at_most(q - k0 + 1, n);
}

template <typename T> void copy_rows(T* to, const T* x, gemm_index stride, gemm_index rows, gemm_index width) {
    for (gemm_index i = 0; i < rows; ++i) __builtin_memcpy(to + i * width, x + i * stride, std::size_t(width) * sizeof(T));
}
template <typename T> void copy_transposed(T* to, const T* x, gemm_index stride, gemm_index rows, gemm_index width) {
    const gemm_index lanes = Vec<T>::lanes, s = transposed_stride(rows);
    for (gemm_index i = 0; i < rows; i += lanes) pack_transposed(to + i, s, x + i * stride, stride, rows - i, width);
}

// Elements of workspace.
template <typename T> std::size_t attention_workspace(const AttentionHead<T>* a) {
    using namespace attention_limits;
    const gemm_index n = a->rows, w = a->width;
    return std::size_t(w * transposed_stride(n) + n * w + (queries + 1) * keys + 2 * queries + gemm_work);
}
template <typename T> std::size_t backprop_attention_workspace(const AttentionHead<T>* a) {
    using namespace attention_limits;
    const gemm_index n = a->rows, w = a->width;
    return std::size_t(2 * w * transposed_stride(n) + 3 * n * w + n + (2 * queries + 1) * keys + gemm_work);
}

// Row by row of a block of scores (M, N) of queries q0... and keys k0...: weights that are not yet divided by their
// sum, and what that makes of the sums over the blocks before.
template <typename T>
void attention_weights(const AttentionHead<T>& a, T* S, gemm_index M, gemm_index N, gemm_index q0, gemm_index k0, T* top,
                       T* sum, T* mask) {
    using V = Vec<T>;
    const T lowest = -T(__builtin_inf());
    for (gemm_index i = 0; i < M; ++i, S += N) {
        const gemm_index n = attention_visible(a, q0 + i, k0, N);
        for (gemm_index j = n; j < N; ++j) S[j] = 0;
        if (n == 0) continue;
        V most = V::fill(lowest);
        for_each<T>(std::size_t(n), [&](auto at) THINC_INLINE_LAMBDA { most = max(most, at.keep_or(at.load(S), lowest)); });
        T shift = reduce_max(most);
        if (k0 > 0 && !(shift > top[i])) shift = top[i];
        const V s = V::fill(shift);
        const T total = sum_each<T>(std::size_t(n), [&](auto at) THINC_INLINE_LAMBDA {
            const V e = exp_negative(at.load(S) - s);
            at.store(S, e);
            return e;
        });
        if (a.threshold) {
            attention_mask(mask, a, q0 + i, k0, n);
            for_each<T>(std::size_t(n), [&](auto at) THINC_INLINE_LAMBDA { at.store(S, at.load(S) * at.load(mask)); });
        }
        if (k0 == 0) {
            sum[i] = total;
        } else {
            const V factor = exp_negative(V::fill(top[i]) - s);
            sum[i] = sum[i] * factor.v[0] + total;
            T* const y = a.Y + (q0 + i) * a.sY;
            for_each<T>(std::size_t(a.width), [&](auto at) THINC_INLINE_LAMBDA { at.store(y, at.load(y) * factor); });
        }
        top[i] = shift;
    }
}

// Y, and norms = log(sum exp(scores)) of each row.
template <typename T> void attention(const AttentionHead<T>* head, T* work) {
    using namespace attention_limits;
    using V = Vec<T>;
    const AttentionHead<T>& a = *head;
    const gemm_index n = a.rows, w = a.width, sK = transposed_stride(n);
    T *const KT = work, *const values = KT + w * sK, *const S = values + n * w, *const mask = S + queries * keys;
    T *const top = mask + keys, *const sum = top + queries, *const spare = sum + queries;
    copy_transposed(KT, a.K, a.sX, n, w);
    copy_rows(values, a.V, a.sX, n, w);
    for (gemm_index q0 = 0; q0 < n; q0 += queries) {
        const gemm_index M = at_most(n - q0, queries), end = a.causal ? q0 + M : n;
        for (gemm_index k0 = 0; k0 < end; k0 += keys) {
            const gemm_index N = at_most(end - k0, keys);
            const GemmCall<T> scores{M, N, w, a.Q + q0 * a.sX, a.sX, 1, KT + k0, sK, 1, S, N, a.scale, T(0), nullptr};
            gemm(&scores, spare, gemm_work);
            attention_weights(a, S, M, N, q0, k0, top, sum, mask);
            const GemmCall<T> weighed{M,  w, N, S, N, 1, values + k0 * w, w, 1, a.Y + q0 * a.sY, a.sY,
                                      T(1), T(k0 > 0), nullptr};
            gemm(&weighed, spare, gemm_work);
        }
        for (gemm_index i = 0; i < M; ++i) {
            T* const y = a.Y + (q0 + i) * a.sY;
            const V norm = V::fill(1 / sum[i]);
            for_each<T>(std::size_t(w), [&](auto at) THINC_INLINE_LAMBDA { at.store(y, at.load(y) * norm); });
            a.norms[q0 + i] = top[i] + log(V::fill(sum[i])).v[0];
        }
    }
}

// Scores S become the weights P, times the mask where there is dropout; D, the gradient of what V was multiplied by,
// becomes that of the scores: P (mask D - row), row = sum Y dY.
template <typename T>
void attention_slopes(const AttentionHead<T>& a, T* S, T* D, gemm_index M, gemm_index N, gemm_index q0, gemm_index k0,
                      const T* row, T* mask) {
    using V = Vec<T>;
    for (gemm_index i = 0; i < M; ++i, S += N, D += N) {
        const gemm_index n = attention_visible(a, q0 + i, k0, N);
        const V norm = V::fill(a.norms[q0 + i]), r = V::fill(row[i]);
        if (a.threshold && n > 0) {
            attention_mask(mask, a, q0 + i, k0, n);
            for_each<T>(std::size_t(n), [&](auto at) THINC_INLINE_LAMBDA {
                const V p = exp_negative(at.load(S) - norm), m = at.load(mask);
                at.store(S, p * m);
                at.store(D, p * (m * at.load(D) - r));
            });
        } else {
            for_each<T>(std::size_t(n), [&](auto at) THINC_INLINE_LAMBDA {
                const V p = exp_negative(at.load(S) - norm);
                at.store(S, p);
                at.store(D, p * (at.load(D) - r));
            });
        }
        for (gemm_index j = n; j < N; ++j) S[j] = D[j] = 0;
    }
}

// dQ, dK and dV from dY; Y and norms are those of the forward pass.
template <typename T> void backprop_attention(const AttentionHead<T>* head, const AttentionGradient<T>* g, T* work) {
    using namespace attention_limits;
    const AttentionHead<T>& a = *head;
    const gemm_index n = a.rows, w = a.width, sK = transposed_stride(n);
    T *const KT = work, *const VT = KT + w * sK, *const Q = VT + w * sK, *const K = Q + n * w, *const dY = K + n * w;
    T *const row = dY + n * w, *const S = row + n, *const D = S + queries * keys, *const mask = D + queries * keys;
    T* const spare = mask + keys;
    copy_transposed(KT, a.K, a.sX, n, w);
    copy_transposed(VT, a.V, a.sX, n, w);
    copy_rows(Q, a.Q, a.sX, n, w);
    copy_rows(K, a.K, a.sX, n, w);
    copy_rows(dY, g->dY, g->sY, n, w);
    for (gemm_index i = 0; i < n; ++i)
        for (gemm_index j = 0; j < w; ++j) g->dK[i * g->sX + j] = g->dV[i * g->sX + j] = 0;
    for (gemm_index q = 0; q < n; ++q) {
        const T *const y = a.Y + q * a.sY, *const d = dY + q * w;
        row[q] = sum_each<T>(std::size_t(w), [&](auto at) THINC_INLINE_LAMBDA { return at.load(y) * at.load(d); });
    }
    for (gemm_index k0 = 0; k0 < n; k0 += keys) {
        for (gemm_index q0 = a.causal ? k0 / queries * queries : 0; q0 < n; q0 += queries) {
            const gemm_index M = at_most(n - q0, queries), N = at_most((a.causal ? at_most(q0 + M, n) : n) - k0, keys);
            const GemmCall<T> scores{M, N, w, Q + q0 * w, w, 1, KT + k0, sK, 1, S, N, a.scale, T(0), nullptr};
            gemm(&scores, spare, gemm_work);
            const GemmCall<T> weights{M, N, w, dY + q0 * w, w, 1, VT + k0, sK, 1, D, N, T(1), T(0), nullptr};
            gemm(&weights, spare, gemm_work);
            attention_slopes(a, S, D, M, N, q0, k0, row + q0, mask);
            const GemmCall<T> values{N, w, M, S, 1, N, dY + q0 * w, w, 1, g->dV + k0 * g->sX, g->sX, T(1), T(1), nullptr};
            gemm(&values, spare, gemm_work);
            const GemmCall<T> by_keys{N, w, M, D, 1, N, Q + q0 * w, w, 1, g->dK + k0 * g->sX, g->sX, a.scale, T(1),
                                      nullptr};
            gemm(&by_keys, spare, gemm_work);
            const GemmCall<T> by_queries{M, w, N, D, N, 1, K + k0 * w, w, 1, g->dQ + q0 * g->sX, g->sX, a.scale,
                                         T(k0 > 0), nullptr};
            gemm(&by_queries, spare, gemm_work);
        }
    }
}

// Rotary positions (Su et al., 2021, https://arxiv.org/abs/2104.09864), in place: in each head of row p, columns i and
// i + width / 2 are turned by an angle, waves (rows, width) having width / 2 cosines in row p, then the sines; or turned
// back, which is the way back of gradients.
template <typename T>
void rotate(T* X, gemm_index sX, const T* waves, gemm_index rows, gemm_index heads, gemm_index width, bool back) {
    using V = Vec<T>;
    const gemm_index half = width / 2;
    const V sign = V::fill(back ? T(-1) : T(1));
    for (gemm_index p = 0; p < rows; ++p, waves += width)
        for (gemm_index h = 0; h < heads; ++h) {
            T *const x = X + p * sX + h * width, *const y = x + half;
            for_each<T>(std::size_t(half), [&](auto at) THINC_INLINE_LAMBDA {
                const V a = at.load(x), b = at.load(y), c = at.load(waves), s = at.load(waves + half) * sign;
                at.store(x, a * c - b * s);
                at.store(y, fma(b, c, a * s));
            });
        }
}

template <typename T> constexpr Attentions<T> attention_kernels() {
    return {attention_workspace<T>, attention<T>, backprop_attention_workspace<T>, backprop_attention<T>, rotate<T>};
}

}  // namespace thinc::THINC_ISA
