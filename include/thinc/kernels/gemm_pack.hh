// Copies of operands in the order in which gemm_strip reads them. float, double. Columns of a panel beyond the
// matrix hold arbitrary values: they are not stored in C.
#pragma once
#include "thinc/kernels/gemm_tile.hh"

namespace thinc::THINC_ISA {

// Interleaves within pieces of 128 bits: halves of single values, then of pairs.
template <int Half, int Size> struct Unpack {  // of single values: a0 b0 a1 b1, or the upper halves
    static constexpr int lanes = THINC_VECTOR_BYTES / Size, piece = 16 / Size;
    static constexpr int at(int i) {
        const int in_piece = i % piece;
        return i - in_piece + Half * piece / 2 + in_piece / 2 + (in_piece % 2) * lanes;
    }
};
template <int Half> struct UnpackPairs {  // of pairs of 4-byte values: a0 a1 b0 b1, or the upper halves
    static constexpr int lanes = THINC_VECTOR_BYTES / 4;
    static constexpr int at(int i) { return i - i % 4 + 2 * Half + i % 2 + (i % 4 / 2) * lanes; }
};

// 128 bits from every `step`-th row as one register.
template <typename T> THINC_INLINE Vec<T> load_pieces(const T* const* row, int step, gemm_index k) {
#if defined(__AVX512F__)
    // the maskz forms: GCC 12 warns about an undefined operand in the plain ones
    const auto piece = [&](int i) THINC_INLINE_LAMBDA { return _mm_loadu_ps((const float*)(row[i * step] + k)); };
    __m512 v = _mm512_castps128_ps512(piece(0));
    v = _mm512_maskz_insertf32x4(0xffff, v, piece(1), 1);
    v = _mm512_maskz_insertf32x4(0xffff, v, piece(2), 2);
    return {(typename Vec<T>::raw)_mm512_maskz_insertf32x4(0xffff, v, piece(3), 3)};
#elif defined(__AVX2__)
    const auto piece = [&](int i) THINC_INLINE_LAMBDA { return _mm_loadu_ps((const float*)(row[i * step] + k)); };
    return {(typename Vec<T>::raw)_mm256_insertf128_ps(_mm256_castps128_ps256(piece(0)), piece(1), 1)};
#else
    static_cast<void>(step);
    return Vec<T>::load(row[0] + k);
#endif
}

// panel[k * width + j] = W[j * s + k] for k < K and j < lanes; rows from n on repeat the last one.
template <typename T>
void pack_transposed(T* panel, gemm_index width, const T* W, gemm_index s, gemm_index n, gemm_index K) {
    constexpr int lanes = Vec<T>::lanes, piece = 16 / sizeof(T);
    const T* row[lanes];
    for (int j = 0; j < lanes; ++j) row[j] = W + (j < n ? j : n - 1) * s;
    gemm_index k = 0;
    for (; k + piece <= K; k += piece, panel += piece * width) {
        Vec<T> v[piece];
#pragma GCC unroll 4
        for (int i = 0; i < piece; ++i) v[i] = load_pieces<T>(row + i, piece, k);
        if constexpr (piece == 4) {
            const Vec<T> a = shuffle<Unpack<0, 4>>(v[0], v[1]), b = shuffle<Unpack<1, 4>>(v[0], v[1]);
            const Vec<T> c = shuffle<Unpack<0, 4>>(v[2], v[3]), d = shuffle<Unpack<1, 4>>(v[2], v[3]);
            shuffle<UnpackPairs<0>>(a, c).store(panel);
            shuffle<UnpackPairs<1>>(a, c).store(panel + width);
            shuffle<UnpackPairs<0>>(b, d).store(panel + 2 * width);
            shuffle<UnpackPairs<1>>(b, d).store(panel + 3 * width);
        } else {
            shuffle<Unpack<0, 8>>(v[0], v[1]).store(panel);
            shuffle<Unpack<1, 8>>(v[0], v[1]).store(panel + width);
        }
    }
    for (; k < K; ++k, panel += width)
        for (int j = 0; j < lanes; ++j) panel[j] = row[j][k];
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
