// Products of few rows with a transposed matrix: both operands run along k, so dot products need no packing.
#pragma once
#include "thinc/kernels/gemm_tile.hh"

namespace thinc::THINC_ISA {

// Lane i of the result is the sum of the lanes of v[i].
template <typename T> THINC_INLINE Vec<T> sum_each(const Vec<T>* v) {
    T sums[Vec<T>::lanes];
    for (std::size_t i = 0; i < Vec<T>::lanes; ++i) sums[i] = reduce_add(v[i]);
    return Vec<T>::load(sums);
}
#if defined(__AVX512F__)
template <> THINC_INLINE Vec<float> sum_each(const Vec<float>* v) {
    __m512 a[8], b[4];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
        const __m512 x = (__m512)v[2 * i].v, y = (__m512)v[2 * i + 1].v;
        a[i] = _mm512_unpacklo_ps(x, y) + _mm512_unpackhi_ps(x, y);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
        b[i] = _mm512_shuffle_ps(a[2 * i], a[2 * i + 1], 0x44) + _mm512_shuffle_ps(a[2 * i], a[2 * i + 1], 0xee);
    const __m512 c = _mm512_shuffle_f32x4(b[0], b[1], 0x88) + _mm512_shuffle_f32x4(b[0], b[1], 0xdd);
    const __m512 d = _mm512_shuffle_f32x4(b[2], b[3], 0x88) + _mm512_shuffle_f32x4(b[2], b[3], 0xdd);
    return {(Vec<float>::raw)(_mm512_shuffle_f32x4(c, d, 0x88) + _mm512_shuffle_f32x4(c, d, 0xdd))};
}
template <> THINC_INLINE Vec<double> sum_each(const Vec<double>* v) {
    __m512d a[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        const __m512d x = (__m512d)v[2 * i].v, y = (__m512d)v[2 * i + 1].v;
        a[i] = _mm512_unpacklo_pd(x, y) + _mm512_unpackhi_pd(x, y);
    }
    const __m512d c = _mm512_shuffle_f64x2(a[0], a[1], 0x88) + _mm512_shuffle_f64x2(a[0], a[1], 0xdd);
    const __m512d d = _mm512_shuffle_f64x2(a[2], a[3], 0x88) + _mm512_shuffle_f64x2(a[2], a[3], 0xdd);
    return {(Vec<double>::raw)(_mm512_shuffle_f64x2(c, d, 0x88) + _mm512_shuffle_f64x2(c, d, 0xdd))};
}
#elif defined(__AVX2__)
template <> THINC_INLINE Vec<float> sum_each(const Vec<float>* v) {
    __m256 a[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) a[i] = _mm256_hadd_ps((__m256)v[2 * i].v, (__m256)v[2 * i + 1].v);
    const __m256 b = _mm256_hadd_ps(a[0], a[1]), c = _mm256_hadd_ps(a[2], a[3]);
    return {(Vec<float>::raw)(_mm256_permute2f128_ps(b, c, 0x20) + _mm256_permute2f128_ps(b, c, 0x31))};
}
template <> THINC_INLINE Vec<double> sum_each(const Vec<double>* v) {
    const __m256d a = _mm256_hadd_pd((__m256d)v[0].v, (__m256d)v[1].v);
    const __m256d b = _mm256_hadd_pd((__m256d)v[2].v, (__m256d)v[3].v);
    return {(Vec<double>::raw)(_mm256_permute2f128_pd(a, b, 0x20) + _mm256_permute2f128_pd(a, b, 0x31))};
}
#endif

// C[r, j] for R rows of A and `cols` <= lanes / R * groups rows of W.
template <typename T, int R>
void dot_tile(gemm_index K, const T* A, gemm_index sa, const T* W, gemm_index sw, gemm_index cols, T* C,
              gemm_index sc, gemm_index cc, const GemmFinish<T>& finish) {
    using V = Vec<T>;
    constexpr int lanes = V::lanes, groups = lanes < 8 ? 8 / lanes : 1, N = lanes * groups / R;
    V acc[R * N];
#pragma GCC unroll 16
    for (int i = 0; i < R * N; ++i) acc[i] = V{};
    const T* w[N];  // rows that do not exist repeat the last one
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) w[j] = W + (j < cols ? j : cols - 1) * sw;

    const auto product = [&](gemm_index k, auto load) __attribute__((always_inline)) {
        V a[R];
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) a[r] = load(A + r * sa + k);
#pragma GCC unroll 16
        for (int j = 0; j < N; ++j) {
            const V b = load(w[j] + k);
#pragma GCC unroll 4
            for (int r = 0; r < R; ++r) acc[r * N + j] = fma(a[r], b, acc[r * N + j]);
        }
    };
    gemm_index k = 0;
    for (; k + lanes <= K; k += lanes)
        product(k, [](const T* p) __attribute__((always_inline)) { return V::load(p); });
    if (k < K) {
        const Lanes<T> tail(K - k);
        product(k, [&](const T* p) __attribute__((always_inline)) { return tail.load(p); });
    }

    T out[lanes * groups];
#pragma GCC unroll 4
    for (int g = 0; g < groups; ++g) sum_each<T>(acc + g * lanes).store(out + g * lanes);
    for (int r = 0; r < R; ++r)
        for (gemm_index j = 0; j < cols; ++j) {
            T* c = C + r * sc + j * cc;
            T value = out[r * N + j];
            if (finish.alpha != T(1)) value *= finish.alpha;
            if (finish.beta != T(0)) value += finish.beta * *c;
            if (finish.bias) value += finish.bias[j];
            *c = value;
        }
}

// C (M, N) = alpha * A (M, K) W (N, K)^T + bias + beta * C; columns of C are cc elements apart.
template <typename T>
void gemm_dot(gemm_index M, gemm_index N, gemm_index K, const T* A, gemm_index sa, const T* W, gemm_index sw, T* C,
              gemm_index sc, gemm_index cc, const GemmFinish<T>& finish) {
    constexpr gemm_index lanes = Vec<T>::lanes, width = lanes < 8 ? 8 : lanes;
    const auto block = [&](gemm_index i, gemm_index rows, gemm_index step, auto tile) {
        for (gemm_index j = 0; j < N; j += step) {
            GemmFinish<T> f = finish;
            if (f.bias) f.bias += j;
            const gemm_index cols = N - j < step ? N - j : step;
            tile(K, A + i * sa, sa, W + j * sw, sw, cols, C + i * sc + j * cc, sc, cc, f);
        }
        return i + rows;
    };
    gemm_index i = 0;
    while (M - i >= 4) i = block(i, 4, width / 4, dot_tile<T, 4>);
    if (M - i >= 2) i = block(i, 2, width / 2, dot_tile<T, 2>);
    if (M - i >= 1) i = block(i, 1, width, dot_tile<T, 1>);
}

}  // namespace thinc::THINC_ISA
