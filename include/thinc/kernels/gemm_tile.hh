// The register-blocked core of matrix products: a tile of C of up to max_rows x max_vectors registers stays in
// registers while k runs; rows of B are loaded as vectors, elements of A are broadcast. float, double.
#pragma once
#include "thinc/simd/vec.hh"

#if defined(__AVX512F__) || defined(__AVX2__)
// GCC 12 takes the deliberately undefined vectors of its own header for mistakes (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

namespace thinc::THINC_ISA {

using gemm_index = std::ptrdiff_t;

// How many registers a tile takes: FMAs have a latency of 4 to 5 cycles and two start per cycle, so at least ten
// accumulators keep the units busy; the rest is bounded by the register file.
#if defined(__AVX512F__)
constexpr int gemm_max_rows = 14, gemm_wide_rows = 6;  // 14 x 2 or 6 x 4 of 32 registers
#elif defined(__aarch64__)
constexpr int gemm_max_rows = 12, gemm_wide_rows = 6;
#else
constexpr int gemm_max_rows = 6, gemm_wide_rows = 3;  // 6 x 2 or 3 x 4 of 16 registers
#endif
constexpr int gemm_max_vectors(int rows) { return rows <= gemm_wide_rows ? 4 : 2; }

// The last vector of a row of C: its first n lanes exist (1 <= n <= lanes); the others are not touched.
#if defined(__AVX512F__)
template <typename T> struct Lanes;
template <> struct Lanes<float> {
    __mmask16 mask;
    THINC_INLINE explicit Lanes(gemm_index n) : mask(static_cast<__mmask16>(0xffffu >> (16 - n))) {}
    THINC_INLINE Vec<float> load(const float* p) const { return {(Vec<float>::raw)_mm512_maskz_loadu_ps(mask, p)}; }
    THINC_INLINE void store(float* p, Vec<float> v) const { _mm512_mask_storeu_ps(p, mask, (__m512)v.v); }
};
template <> struct Lanes<double> {
    __mmask8 mask;
    THINC_INLINE explicit Lanes(gemm_index n) : mask(static_cast<__mmask8>(0xffu >> (8 - n))) {}
    THINC_INLINE Vec<double> load(const double* p) const { return {(Vec<double>::raw)_mm512_maskz_loadu_pd(mask, p)}; }
    THINC_INLINE void store(double* p, Vec<double> v) const { _mm512_mask_storeu_pd(p, mask, (__m512d)v.v); }
};
#elif defined(__AVX2__)
template <typename T> struct Lanes;
template <> struct Lanes<float> {
    __m256i mask;
    THINC_INLINE explicit Lanes(gemm_index n)
        : mask(_mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))) {}
    THINC_INLINE Vec<float> load(const float* p) const { return {(Vec<float>::raw)_mm256_maskload_ps(p, mask)}; }
    THINC_INLINE void store(float* p, Vec<float> v) const { _mm256_maskstore_ps(p, mask, (__m256)v.v); }
};
template <> struct Lanes<double> {
    __m256i mask;
    THINC_INLINE explicit Lanes(gemm_index n)
        : mask(_mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3))) {}
    THINC_INLINE Vec<double> load(const double* p) const { return {(Vec<double>::raw)_mm256_maskload_pd(p, mask)}; }
    THINC_INLINE void store(double* p, Vec<double> v) const { _mm256_maskstore_pd(p, mask, (__m256d)v.v); }
};
#else
template <typename T> struct Lanes {
    gemm_index n;
    THINC_INLINE explicit Lanes(gemm_index lanes) : n(lanes) {}
    THINC_INLINE Vec<T> load(const T* p) const {
        return n == gemm_index(Vec<T>::lanes) ? Vec<T>::load(p) : Vec<T>::load_some(p, n);
    }
    THINC_INLINE void store(T* p, Vec<T> v) const {
        if (n == gemm_index(Vec<T>::lanes)) v.store(p);
        else v.store_some(p, n);
    }
};
#endif

// What happens to a finished tile: C = alpha * tile + bias + beta * C. beta == 0 does not read C.
template <typename T> struct GemmFinish {
    T alpha, beta;
    const T* bias;  // one per column, or null
};

template <typename T> struct GemmTile {
    gemm_index K;
    const T* A;
    gemm_index sa;  // elements between rows of A (A_rows) or between columns of A (A_columns)
    const T* B;
    gemm_index sb;  // elements between rows of B
    T* C;
    gemm_index sc;
    gemm_index last;  // columns in the last vector
};

enum class GemmA { rows, columns };  // which stride of A is not 1

template <typename T, int R, int NV, GemmA layout>
__attribute__((noinline)) void gemm_tile(const GemmTile<T>& t, const GemmFinish<T>& finish) {
    using V = Vec<T>;
    // Few accumulators would wait for each other: then several steps of k go to accumulators of their own.
    constexpr int U = R * NV >= 8 ? 1 : R * NV >= 4 ? 2 : 4;
    constexpr int lanes = V::lanes, groups = (R + 3) / 4;
    const Lanes<T> tail(t.last);
    V acc[U][R][NV];
#pragma GCC unroll 4
    for (int u = 0; u < U; ++u)
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[u][r][j] = V{};

    // Four rows share a base pointer: base, base + s, base + 2 s, base + 3 s are all addressing modes.
    const gemm_index s = layout == GemmA::rows ? t.sa : 1, s3 = 3 * s, step = layout == GemmA::rows ? 1 : t.sa;
    const T* a[groups];
#pragma GCC unroll 4
    for (int g = 0; g < groups; ++g) a[g] = t.A + 4 * g * s;
    const T* b = t.B;
    const gemm_index sb = t.sb;

    auto product = [&](int u, gemm_index at) __attribute__((always_inline)) {
        V row[NV];
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) row[j] = j + 1 < NV ? V::load(b + j * lanes) : tail.load(b + j * lanes);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const T* base = a[r / 4] + at;
            const T x = r % 4 == 3 ? base[s3] : base[(r % 4) * s];
            const V value = {x - typename V::raw{}};
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[u][r][j] = fma(value, row[j], acc[u][r][j]);
        }
    };

    constexpr int unroll = U > 2 ? U : 2;
    gemm_index k = 0;
    for (; k + unroll <= t.K; k += unroll) {
#pragma GCC unroll 4
        for (int i = 0; i < unroll; ++i) {
            product(i % U, layout == GemmA::rows ? i : 0);
            b += sb;
            if (layout == GemmA::columns)
#pragma GCC unroll 4
                for (int g = 0; g < groups; ++g) a[g] += step;
        }
        if (layout == GemmA::rows)
#pragma GCC unroll 4
            for (int g = 0; g < groups; ++g) a[g] += unroll;
    }
    for (; k < t.K; ++k) {
        product(0, 0);
        b += sb;
#pragma GCC unroll 4
        for (int g = 0; g < groups; ++g) a[g] += step;
    }

#pragma GCC unroll 4
    for (int u = 1; u < U; ++u)
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[0][r][j] = acc[0][r][j] + acc[u][r][j];

    const gemm_index sc = t.sc;
    T* c = t.C;
    if (finish.alpha != T(1) || finish.beta != T(0)) {
        const V alpha = V::fill(finish.alpha), beta = V::fill(finish.beta);
        const bool reads = finish.beta != T(0);
        T* p = c;
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r, p += sc)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) {
                const V old = !reads ? V{} : j + 1 < NV ? V::load(p + j * lanes) : tail.load(p + j * lanes);
                acc[0][r][j] = fma(alpha, acc[0][r][j], beta * old);
            }
    }
    if (finish.bias) {
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) {
            const V bias = j + 1 < NV ? V::load(finish.bias + j * lanes) : tail.load(finish.bias + j * lanes);
#pragma GCC unroll 16
            for (int r = 0; r < R; ++r) acc[0][r][j] = acc[0][r][j] + bias;
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r, c += sc)
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j)
            if (j + 1 < NV) acc[0][r][j].store(c + j * lanes);
            else tail.store(c + j * lanes, acc[0][r][j]);
}

}  // namespace thinc::THINC_ISA
