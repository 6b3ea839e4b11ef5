// Products whose first operand is transposed, with a short side: tiles of C^T = B^T A^T are summed in registers, turned
// there and written to C, so neither operand is copied. float, double; AVX-512, which has the registers for it.
// Each sum is added in the order of k.
#pragma once
#include "thinc/kernels/gemm_tile.hh"

namespace thinc::THINC_ISA {

#if defined(__AVX512F__)
constexpr bool gemm_turns = true;

// a0 b0 a1 b1 ..., of the lower or the upper halves of two vectors.
template <int Half, int Lanes> struct Interleaved {
    static constexpr int at(int i) { return Half * Lanes / 2 + i / 2 + (i % 2) * Lanes; }
};

// R vectors as the rows of a matrix; afterwards its columns, one behind the other.
template <typename T, int R, int Done = 1> THINC_INLINE void zip_rows(Vec<T>* v) {
    constexpr int lanes = Vec<T>::lanes;
    Vec<T> to[R];
#pragma GCC unroll 8
    for (int i = 0; i < R / 2; ++i) {
        to[2 * i] = shuffle<Interleaved<0, lanes>>(v[i], v[i + R / 2]);
        to[2 * i + 1] = shuffle<Interleaved<1, lanes>>(v[i], v[i + R / 2]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) v[i] = to[i];
    if constexpr (2 * Done < R) zip_rows<T, R, 2 * Done>(v);
}

// Rows of 16 or 32 bytes from one register, s elements apart.
template <int Bytes, typename T> THINC_INLINE void store_parts(T* c, gemm_index s, Vec<T> v) {
    if constexpr (Bytes == 64) v.store(c);
    else if constexpr (Bytes == 32) {
        const __m512d all = (__m512d)v.v;
        _mm256_storeu_pd(reinterpret_cast<double*>(c), _mm512_castpd512_pd256(all));
        _mm256_storeu_pd(reinterpret_cast<double*>(c + s), _mm512_extractf64x4_pd(all, 1));
    } else {
        const __m512 all = (__m512)v.v;
        _mm_storeu_ps(reinterpret_cast<float*>(c), _mm512_castps512_ps128(all));
        _mm_storeu_ps(reinterpret_cast<float*>(c + s), _mm512_extractf32x4_ps(all, 1));
        _mm_storeu_ps(reinterpret_cast<float*>(c + 2 * s), _mm512_extractf32x4_ps(all, 2));
        _mm_storeu_ps(reinterpret_cast<float*>(c + 3 * s), _mm512_extractf32x4_ps(all, 3));
    }
}

template <typename T> struct TurnedTile {
    gemm_index K;
    const T* A;  // columns of it are adjacent
    gemm_index sa;
    const T* B;
    gemm_index rsb, csb;
    T* C;
    gemm_index sc;
    gemm_index m, n;  // rows of C in the last vector, columns of C: more do not exist
    T alpha, beta;
    const T* bias;
};

// NV * lanes rows and R columns of C. Partial: only m rows of the last vector.
template <typename T, int R, int NV, bool Partial> __attribute__((noinline)) void turned_tile(const TurnedTile<T>& t) {
    using V = Vec<T>;
    constexpr int lanes = V::lanes;
    constexpr gemm_index bytes = sizeof(T);
    const Lanes<T> tail(Partial ? t.m : lanes);
    V acc[NV][R];
#pragma GCC unroll 8
    for (int j = 0; j < NV; ++j)
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) acc[j][r] = V{};

    // columns from n on repeat the last one
    const char* b[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) b[r] = reinterpret_cast<const char*>(t.B + (r < t.n ? r : t.n - 1) * t.csb);
    const char* a = reinterpret_cast<const char*>(t.A);
    const gemm_index sa = t.sa * bytes, step = t.rsb * bytes;
    // What will be written is fetched meanwhile; adjacent rows the processor fetches by itself.
    if (t.sc != R)
        for (int q = 0; q < NV * lanes; ++q) __builtin_prefetch(t.C + q * t.sc, 1);
#pragma GCC unroll 2
    for (gemm_index k = 0, left = t.K; left > 0; --left, k += step, a += sa) {
        V row[NV];
#pragma GCC unroll 8
        for (int j = 0; j < NV; ++j) {
            const T* const at = reinterpret_cast<const T*>(a) + j * lanes;
            row[j] = Partial && j + 1 == NV ? tail.load(at) : V::load(at);
        }
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const V value = broadcast_here(*reinterpret_cast<const T*>(b[r] + k));
#pragma GCC unroll 8
            for (int j = 0; j < NV; ++j) accumulate(acc[j][r], value, row[j]);
        }
    }

    const bool plain = t.n >= R && t.alpha == T(1) && t.beta == T(0) && !t.bias;
    T* c = t.C;
#pragma GCC unroll 8
    for (int j = 0; j < NV; ++j, c += lanes * t.sc) {
        constexpr int rows = lanes / R;  // of C in a register
        zip_rows<T, R>(acc[j]);
        // Adjacent rows are written as one: fewer stores for which the loads of the next tile might wait.
        if (plain && t.sc == R && !(Partial && j + 1 == NV)) {
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) acc[j][r].store(c + r * lanes);
            continue;
        }
        if (plain && !(Partial && j + 1 == NV)) {
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) store_parts<R * int(sizeof(T))>(c + r * rows * t.sc, t.sc, acc[j][r]);
            continue;
        }
        alignas(64) T values[R * lanes];
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) acc[j][r].store(values + r * lanes);
        const Lanes<T> some(t.n < R ? t.n : R);
        const V alpha = V::fill(t.alpha), beta = V::fill(t.beta), bias = t.bias ? some.load(t.bias) : V{};
        const gemm_index m = Partial && j + 1 == NV ? t.m : lanes;
        for (gemm_index q = 0; q < m; ++q) {
            V value = fma(alpha, some.load(values + q * R), bias);
            if (t.beta != T(0)) value = fma(beta, some.load(c + q * t.sc), value);
            some.store(c + q * t.sc, value);
        }
    }
}

// All columns of NV vectors of rows of C, eight at a time, or four.
template <typename T, int NV, bool Partial> void turned_columns(TurnedTile<T> t, gemm_index N) {
    while (N > 0) {
        t.n = N;
        const int columns = N > 4 ? 8 : 4;
        if (N > 4) turned_tile<T, 8, NV, Partial>(t);
        else turned_tile<T, 4, NV, Partial>(t);
        t.B += columns * t.csb, t.C += columns, N -= columns;
        if (t.bias) t.bias += columns;
    }
}

// C = alpha * A B + bias + beta * C for A with adjacent columns.
template <typename T> void gemm_turned(const GemmCall<T>& g) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    TurnedTile<T> t{g.K, g.A, g.csa, g.B, g.rsb, g.csb, g.C, g.rsc, lanes, g.N, g.alpha, g.beta, g.bias};
    gemm_index left = g.M;
    const auto advance = [&](gemm_index vectors) {
        t.A += vectors * lanes, t.C += vectors * lanes * g.rsc, left -= vectors * lanes;
    };
    if (g.N <= 4)
        for (; left >= 4 * lanes; advance(4)) turned_tile<T, 4, 4, false>(t);
    for (; left >= 2 * lanes; advance(2)) turned_columns<T, 2, false>(t, g.N);
    if (left >= lanes) turned_columns<T, 1, false>(t, g.N), advance(1);
    if (left > 0) t.m = left, turned_columns<T, 1, true>(t, g.N);
}
#else
constexpr bool gemm_turns = false;  // too few registers
template <typename T> void gemm_turned(const GemmCall<T>&) {}
#endif

}  // namespace thinc::THINC_ISA
