// Products with a transposed matrix of which one side is small: both operands run along k, so dot products need no
// packing. float, double.
#pragma once
#include <cstdint>

#include "thinc/kernels/gemm_tile.hh"

namespace thinc::THINC_ISA {

// Lanes whose index has the bit D come from b. Own: the same lane; otherwise its neighbour at distance D.
template <int D, bool Own, int Lanes> struct Pairwise {
    static constexpr int at(int i) { return (Own ? i : i ^ D) + (i & D ? Lanes : 0); }
};

// Lane i of the result is the sum of the lanes of v[i]; v is overwritten.
template <typename T, int D = 1> THINC_INLINE Vec<T> sum_each(Vec<T>* v) {
    constexpr int lanes = Vec<T>::lanes;
#pragma GCC unroll 8
    for (int i = 0; i < lanes / (2 * D); ++i) {
        const Vec<T> a = v[2 * i], b = v[2 * i + 1];
        v[i] = shuffle<Pairwise<D, true, lanes>>(a, b) + shuffle<Pairwise<D, false, lanes>>(a, b);
    }
    if constexpr (2 * D < lanes) return sum_each<T, 2 * D>(v);
    else return v[0];
}

template <typename T> struct DotBlock {
    gemm_index K;
    const T* A;
    gemm_index sa;
    const T* W;
    gemm_index sw, n;  // rows of W from n on do not exist
    T* C;
    gemm_index sc;
    T alpha, beta;
    const T* bias;
};
constexpr gemm_index dot_a_bytes = 256 * 1024;  // of A, which stays in the second-level cache
// Rows of W in a block: half of the registers are accumulators.
#if defined(__AVX512F__)
constexpr int dot_columns(int, int rows) { return 16 / rows; }
#else
constexpr int dot_columns(int lanes, int rows) { return (lanes < 8 ? 8 : lanes) / rows; }
#endif

#if defined(__AVX512F__)
// A row vector by vector, wherever in a cache line it begins: each line is loaded once, and what a vector needs of two
// is put together. (Loaded where they lie, most vectors would take two lines, at half the speed.)
template <typename T> class LinesOf {
  public:
    THINC_INLINE explicit LinesOf(const T* row) {
        const auto first = static_cast<I>(reinterpret_cast<std::uintptr_t>(row) % 64 / sizeof(T));
        at_ = (__m512i)(constants<Counting, I>() + Vec<I>::fill(first)).v;
        rest_ = (1u << first) - 1;
        line_ = load_some(~rest_, row - first);
        next_ = row - first + Vec<T>::lanes;
    }
    THINC_INLINE Vec<T> vector(gemm_index k) { return take(_mm512_load_si512(next_ + k)); }
    // The last one of the row: of its second line, no more is read than there is.
    THINC_INLINE Vec<T> last(gemm_index k) { return take(load_some(rest_, next_ + k)); }

  private:
    using I = typename IntOf<T>::type;
    struct Counting {
        static constexpr int at(int i) { return i; }
    };
    static THINC_INLINE __m512i load_some(unsigned lanes, const T* p) {
        if constexpr (sizeof(T) == 4) return _mm512_maskz_loadu_epi32(static_cast<__mmask16>(lanes), p);
        else return _mm512_maskz_loadu_epi64(static_cast<__mmask8>(lanes), p);
    }
    THINC_INLINE Vec<T> take(__m512i following) {
        __m512i v;
        if constexpr (sizeof(T) == 4) v = _mm512_permutex2var_epi32(line_, at_, following);
        else v = _mm512_permutex2var_epi64(line_, at_, following);
        line_ = following;
        return {(typename Vec<T>::raw)v};
    }
    const T* next_;
    __m512i at_, line_;
    unsigned rest_;  // lanes of a line, before the row's first or behind its last whole vector's end
};

constexpr gemm_index dot_long_row = 128;  // values: less is not worth the preparation

// acc[j] += a w[j]^T, vector by vector, for N rows, of whole vectors. Gives their number of elements.
template <typename T, int N>
THINC_INLINE gemm_index add_lines(const T* a, const T* const* w, Vec<T>* acc, gemm_index K) {
    using V = Vec<T>;
    constexpr int lanes = V::lanes, together = 8;  // more would not fit into the registers
    const gemm_index end = K / lanes * lanes;
#pragma GCC unroll 2
    for (int first = 0; first < N; first += together) {
        LinesOf<T> rows[together] = {LinesOf<T>(w[first]),     LinesOf<T>(w[first + 1]), LinesOf<T>(w[first + 2]),
                                     LinesOf<T>(w[first + 3]), LinesOf<T>(w[first + 4]), LinesOf<T>(w[first + 5]),
                                     LinesOf<T>(w[first + 6]), LinesOf<T>(w[first + 7])};
        V sums[together];
#pragma GCC unroll 8
        for (int j = 0; j < together; ++j) sums[j] = acc[first + j];
        gemm_index k = 0;
        for (; k + lanes < end; k += lanes) {
            const V x = V::load(a + k);
#pragma GCC unroll 8
            for (int j = 0; j < together; ++j) sums[j] = fma(x, rows[j].vector(k), sums[j]);
        }
        const V x = V::load(a + k);
#pragma GCC unroll 8
        for (int j = 0; j < together; ++j) acc[first + j] = fma(x, rows[j].last(k), sums[j]);
    }
    return end;
}
#endif

// C[r, j] for R rows of A and up to dot_columns rows of W.
template <typename T, int R, bool ByLines = false> void dot_block(const DotBlock<T>& t) {
    using V = Vec<T>;
    constexpr int lanes = V::lanes, N = dot_columns(lanes, R), groups = (N * R + lanes - 1) / lanes;
    V acc[groups * lanes];
#pragma GCC unroll 16
    for (int i = 0; i < groups * lanes; ++i) acc[i] = V{};
    const T* w[N];
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) w[j] = t.W + (j < t.n ? j : t.n - 1) * t.sw;

    const auto product = [&](gemm_index k, auto load) THINC_INLINE_LAMBDA {
        V a[R];
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) a[r] = load(t.A + r * t.sa + k);
#pragma GCC unroll 16
        for (int j = 0; j < N; ++j) {
            V b = load(w[j] + k);
            if constexpr (R == 2 || R == 3) keep_in_register(b);
#pragma GCC unroll 4
            for (int r = 0; r < R; ++r) acc[r * N + j] = fma(a[r], b, acc[r * N + j]);
        }
    };
    gemm_index k = 0;
    const gemm_index K = t.K;
#if defined(__AVX512F__)
    if constexpr (ByLines) k = add_lines<T, N>(t.A, w, acc, K);
#endif
    for (; k + lanes <= K; k += lanes) product(k, [](const T* p) THINC_INLINE_LAMBDA { return V::load(p); });
    if (k < K) {
        const Lanes<T> tail(K - k);
        product(k, [&](const T* p) THINC_INLINE_LAMBDA { return tail.load(p); });
    }

    T all[groups * lanes];
    T(&sums)[R][N] = reinterpret_cast<T(&)[R][N]>(all);
#pragma GCC unroll 4
    for (int g = 0; g < groups; ++g) sum_each<T>(acc + g * lanes).store(all + g * lanes);
    if (t.n >= N && t.alpha == T(1) && t.beta == T(0)) {
        T bias[N] = {};
        if (t.bias) __builtin_memcpy(bias, t.bias, sizeof(bias));
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
            for (int j = 0; j < N; ++j) t.C[r * t.sc + j] = sums[r][j] + bias[j];
        return;
    }
    const gemm_index n = t.n < N ? t.n : N;
    if (t.alpha == T(1) && t.beta == T(0) && !t.bias) {
        for (int r = 0; r < R; ++r)
            for (gemm_index j = 0; j < n; ++j) t.C[r * t.sc + j] = sums[r][j];
        return;
    }
    for (int r = 0; r < R; ++r)
        for (gemm_index j = 0; j < n; ++j) {
            T& c = t.C[r * t.sc + j];
            c = t.alpha * sums[r][j] + (t.beta == T(0) ? T(0) : t.beta * c) + (t.bias ? t.bias[j] : T(0));
        }
}

template <typename T, int R> THINC_INLINE void dot_rows(DotBlock<T> t, gemm_index M, gemm_index N) {
    constexpr int step = dot_columns(Vec<T>::lanes, R);
    auto multiply = dot_block<T, R>;
#if defined(__AVX512F__)
    if constexpr (R == 1) {
        const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(t.W) | std::uintptr_t(t.sw) * sizeof(T);
        if (t.K >= dot_long_row && begin % 64 != 0 && begin % sizeof(T) == 0)
            multiply = dot_block<T, R, true>;
    }
#endif
    for (gemm_index j = 0; j < N; j += step) {
        DotBlock<T> block = t;
        block.n = N - j, block.W += j * t.sw, block.C += j;
        if (block.bias) block.bias += j;
        for (gemm_index i = 0; i + R <= M; i += R) {
            multiply(block);
            block.A += R * t.sa, block.C += R * t.sc;
        }
    }
}

// C (M, N) = alpha * A (M, K) W (N, K)^T + bias + beta * C.
template <typename T> void gemm_dot(DotBlock<T> t, gemm_index M, gemm_index N) {
    const auto advance = [&](gemm_index rows) {
        t.A += rows * t.sa, t.C += rows * t.sc;
        M -= rows;
    };
    // Rows of A are read again for every few rows of W: so many at a time.
    const gemm_index near = dot_a_bytes / gemm_index(sizeof(T)) / t.K / 4 * 4, most = near < 4 ? 4 : near;
    while (M >= 4) {
        const gemm_index rows = M < most ? M / 4 * 4 : most;
        dot_rows<T, 4>(t, rows, N), advance(rows);
    }
    if (M == 3) dot_rows<T, 3>(t, M, N);
    if (M == 2) dot_rows<T, 2>(t, M, N);
    if (M == 1) dot_rows<T, 1>(t, M, N);
}

}  // namespace thinc::THINC_ISA
