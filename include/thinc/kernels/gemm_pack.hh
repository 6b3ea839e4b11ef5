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

// 128 bits from each of the rows that `at` gives, as one register.
template <typename T, typename At> THINC_INLINE Vec<T> load_pieces(At at) {
#if defined(__AVX512F__)
    // A broadcast under a mask, not an insertion, which the compiler may give to the one unit that also shuffles.
    const auto piece = [&](int i) THINC_INLINE_LAMBDA { return _mm_loadu_ps(reinterpret_cast<const float*>(at(i))); };
    __m512 v = _mm512_castps128_ps512(piece(0));
    v = _mm512_mask_broadcast_f32x4(v, 0x00f0, piece(1));
    v = _mm512_mask_broadcast_f32x4(v, 0x0f00, piece(2));
    return {(typename Vec<T>::raw)_mm512_mask_broadcast_f32x4(v, 0xf000, piece(3))};
#elif defined(__AVX2__)
    const auto piece = [&](int i) THINC_INLINE_LAMBDA { return _mm_loadu_ps(reinterpret_cast<const float*>(at(i))); };
    return {(typename Vec<T>::raw)_mm256_insertf128_ps(_mm256_castps128_ps256(piece(0)), piece(1), 1)};
#else
    return Vec<T>::load(at(0));
#endif
}

// Columns k, k + 1, ... of `lanes` rows, 128 bits of each, as rows of a panel; at(j) is row j at column k.
template <typename T, typename At> THINC_INLINE void transpose_pieces(T* panel, gemm_index width, At at) {
    constexpr int piece = 16 / sizeof(T);
    Vec<T> v[piece];
#pragma GCC unroll 4
    for (int i = 0; i < piece; ++i)
        v[i] = load_pieces<T>([&](int p) THINC_INLINE_LAMBDA { return at(p * piece + i); });
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

// panel[k * width + j] = W[j * s + k] for k < K and j < lanes; rows from n on repeat the last one.
template <typename T>
void pack_transposed(T* panel, gemm_index width, const T* W, gemm_index s, gemm_index n, gemm_index K) {
    constexpr int lanes = Vec<T>::lanes, piece = 16 / sizeof(T), groups = (lanes + 3) / 4;
    gemm_index k = 0;
    if (n >= lanes) {
        // four rows share a pointer, as in gemm_panel
        const gemm_index step = s * gemm_index(sizeof(T)), step3 = 3 * step;
        const char* w[groups];
#pragma GCC unroll 4
        for (int g = 0; g < groups; ++g) w[g] = reinterpret_cast<const char*>(W) + 4 * g * step;
        for (; k + piece <= K; k += piece, panel += piece * width) {
            transpose_pieces(panel, width, [&](int j) THINC_INLINE_LAMBDA {
                return reinterpret_cast<const T*>(w[j / 4] + (j % 4 == 3 ? step3 : j % 4 * step));
            });
#pragma GCC unroll 4
            for (int g = 0; g < groups; ++g) w[g] += 16;
        }
    }
    const T* row[lanes];
    for (int j = 0; j < lanes; ++j) row[j] = W + (j < n ? j : n - 1) * s;
    for (; k + piece <= K; k += piece, panel += piece * width)
        transpose_pieces(panel, width, [&](int j) THINC_INLINE_LAMBDA { return row[j] + k; });
    for (; k < K; ++k, panel += width)
        for (int j = 0; j < lanes; ++j) panel[j] = row[j][k];
}

// Rows of a matrix that are far apart are fetched into the cache before they are needed: the processor does not guess
// them. (What is beyond the matrix is not read.)
constexpr gemm_index fetch_rows = 4;
template <typename T> THINC_INLINE void fetch_row(const T* row, gemm_index n) {
    const char* p = reinterpret_cast<const char*>(row);
    for (gemm_index at = 0; at < n * gemm_index(sizeof(T)); at += 64) __builtin_prefetch(p + at, 0, 3);
}

// Rows of `n` values from a matrix with row stride s to one with row stride width, vector by vector.
template <typename T>
void pack_rows(T* panel, gemm_index width, const T* X, gemm_index s, gemm_index n, gemm_index rows) {
    using V = Vec<T>;
    constexpr gemm_index lanes = V::lanes;
    const gemm_index full = (n - 1) / lanes * lanes;
    const Lanes<T> tail(n - full);
    for (gemm_index k = 0; k < rows; ++k, panel += width, X += s) {
        fetch_row(X + fetch_rows * s, n);
        for (gemm_index j = 0; j < full; j += lanes) V::load(X + j).store(panel + j);
        tail.load(X + full).store(panel + full);
    }
}

// Blocks of adjacent columns of X (K rows, `left` columns from X on exist), one behind the other: `count` blocks, the
// first `wide` of them of n columns, the others of n - 1. A row of a block takes `width` values, `Vectors` whole ones.
template <int Vectors, typename T>
void pack_columns(T* to, const T* X, gemm_index s, gemm_index n, gemm_index count, gemm_index wide, gemm_index left,
                  gemm_index K) {
    using V = Vec<T>;
    constexpr gemm_index lanes = V::lanes, width = Vectors * lanes;
    if (wide > count) wide = count;
    // Most blocks may be read beyond their end, since other columns follow.
    const auto first_of = [&](gemm_index block) { return block * n - (block > wide ? block - wide : 0); };
    gemm_index inner = count;
    while (inner > 0 && first_of(inner - 1) + width > left) --inner;
    const gemm_index inner_wide = inner < wide ? inner : wide, columns = first_of(count);
    for (gemm_index k = 0; k < K; ++k, X += s, to += width) {
        fetch_row(X + fetch_rows * s, columns);
        const T* x = X;
        T* panel = to;
        const auto copy = [&] {
#pragma GCC unroll 4
            for (int j = 0; j < Vectors; ++j) V::load(x + j * lanes).store(panel + j * lanes);
            panel += K * width;
        };
        for (gemm_index block = 0; block < inner_wide; ++block, x += n) copy();
        for (gemm_index block = inner_wide; block < inner; ++block, x += n - 1) copy();
        for (gemm_index block = inner; block < count; ++block, panel += K * width)
            for (gemm_index j = 0, at = first_of(block); j < width && at + j < left; j += lanes)
                Lanes<T>(left - at - j < lanes ? left - at - j : lanes).load(X + at + j).store(panel + j);
    }
}

}  // namespace thinc::THINC_ISA
