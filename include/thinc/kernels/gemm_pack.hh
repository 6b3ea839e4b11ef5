// Copies of operands in the order in which gemm_tile reads them. float, double. Columns of a panel beyond the
// matrix hold arbitrary values: the tile does not store them.
#pragma once
#include "thinc/kernels/gemm_tile.hh"

namespace thinc::THINC_ISA {

// panel[k * width + j] = rows of W: W[j * s + k], for j < lanes (clamped to n rows) and k < K.
template <typename T>
void pack_transposed(T* panel, gemm_index width, const T* W, gemm_index s, gemm_index n, gemm_index K) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    gemm_index k = 0;
    const T* row[lanes];
    for (gemm_index j = 0; j < lanes; ++j) row[j] = W + (j < n ? j : n - 1) * s;
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) {
        for (; k + 4 <= K; k += 4, panel += 4 * width) {
            __m512 v[4], t[4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i) {
                v[i] = _mm512_castps128_ps512(_mm_loadu_ps(row[i] + k));
                v[i] = _mm512_insertf32x4(v[i], _mm_loadu_ps(row[i + 4] + k), 1);
                v[i] = _mm512_insertf32x4(v[i], _mm_loadu_ps(row[i + 8] + k), 2);
                v[i] = _mm512_insertf32x4(v[i], _mm_loadu_ps(row[i + 12] + k), 3);
            }
            t[0] = _mm512_unpacklo_ps(v[0], v[1]), t[1] = _mm512_unpackhi_ps(v[0], v[1]);
            t[2] = _mm512_unpacklo_ps(v[2], v[3]), t[3] = _mm512_unpackhi_ps(v[2], v[3]);
            _mm512_storeu_ps(panel, _mm512_shuffle_ps(t[0], t[2], 0x44));
            _mm512_storeu_ps(panel + width, _mm512_shuffle_ps(t[0], t[2], 0xee));
            _mm512_storeu_ps(panel + 2 * width, _mm512_shuffle_ps(t[1], t[3], 0x44));
            _mm512_storeu_ps(panel + 3 * width, _mm512_shuffle_ps(t[1], t[3], 0xee));
        }
    } else {
        for (; k + 2 <= K; k += 2, panel += 2 * width) {
            __m512d v[2];
#pragma GCC unroll 2
            for (int i = 0; i < 2; ++i) {
                v[i] = _mm512_castpd128_pd512(_mm_loadu_pd(row[i] + k));
                v[i] = _mm512_insertf64x2(v[i], _mm_loadu_pd(row[i + 2] + k), 1);
                v[i] = _mm512_insertf64x2(v[i], _mm_loadu_pd(row[i + 4] + k), 2);
                v[i] = _mm512_insertf64x2(v[i], _mm_loadu_pd(row[i + 6] + k), 3);
            }
            _mm512_storeu_pd(panel, _mm512_unpacklo_pd(v[0], v[1]));
            _mm512_storeu_pd(panel + width, _mm512_unpackhi_pd(v[0], v[1]));
        }
    }
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4) {
        for (; k + 4 <= K; k += 4, panel += 4 * width) {
            __m256 v[4], t[4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i)
                v[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(row[i] + k)),
                                            _mm_loadu_ps(row[i + 4] + k), 1);
            t[0] = _mm256_unpacklo_ps(v[0], v[1]), t[1] = _mm256_unpackhi_ps(v[0], v[1]);
            t[2] = _mm256_unpacklo_ps(v[2], v[3]), t[3] = _mm256_unpackhi_ps(v[2], v[3]);
            _mm256_storeu_ps(panel, _mm256_shuffle_ps(t[0], t[2], 0x44));
            _mm256_storeu_ps(panel + width, _mm256_shuffle_ps(t[0], t[2], 0xee));
            _mm256_storeu_ps(panel + 2 * width, _mm256_shuffle_ps(t[1], t[3], 0x44));
            _mm256_storeu_ps(panel + 3 * width, _mm256_shuffle_ps(t[1], t[3], 0xee));
        }
    } else {
        for (; k + 2 <= K; k += 2, panel += 2 * width) {
            __m256d v[2];
#pragma GCC unroll 2
            for (int i = 0; i < 2; ++i)
                v[i] = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(row[i] + k)),
                                            _mm_loadu_pd(row[i + 2] + k), 1);
            _mm256_storeu_pd(panel, _mm256_unpacklo_pd(v[0], v[1]));
            _mm256_storeu_pd(panel + width, _mm256_unpackhi_pd(v[0], v[1]));
        }
    }
#endif
    for (; k < K; ++k, panel += width)
        for (gemm_index j = 0; j < lanes; ++j) panel[j] = row[j][k];
}

// Rows of `n` values from a matrix with row stride s to one with row stride width, vector by vector.
template <typename T>
void pack_rows(T* panel, gemm_index width, const T* X, gemm_index s, gemm_index n, gemm_index rows) {
    using V = Vec<T>;
    constexpr gemm_index lanes = V::lanes;
    const gemm_index full = (n - 1) / lanes * lanes;
    const Lanes<T> tail(n - full);
    for (gemm_index k = 0; k < rows; ++k, panel += width, X += s) {
        for (gemm_index j = 0; j < full; j += lanes) V::load(X + j).store(panel + j);
        tail.load(X + full).store(panel + full);
    }
}

}  // namespace thinc::THINC_ISA
