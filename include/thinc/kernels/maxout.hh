// Maxout (Goodfellow et al., 2013, https://arxiv.org/abs/1302.4389): the largest of P pieces and which it was. float,
// double.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/loop.hh"

namespace thinc::THINC_ISA {

// A vector of numbers of pieces, one for each lane of Vec<T>.
template <typename T, typename I = std::int32_t> struct Which {
    typedef I raw __attribute__((vector_size(sizeof(I) * Vec<T>::lanes)));
    static THINC_INLINE void store(I* p, typename Mask<T>::raw w) {
        const raw narrow = __builtin_convertvector(w, raw);
        __builtin_memcpy(p, &narrow, sizeof(raw));
    }
    static THINC_INLINE typename Mask<T>::raw load(const I* p) {
        raw narrow;
        __builtin_memcpy(&narrow, p, sizeof(raw));
        return __builtin_convertvector(narrow, typename Mask<T>::raw);
    }
};

// Lanes of vectors that hold groups of 3 or 2 consecutive elements. For 3, element Piece of every group sits in lanes
// that differ between the three vectors (3 and the lane count are coprime): two blends and a permutation collect them.
template <int L, int Piece, int Vector> struct FromThird {
    static constexpr int at(int i) { return (Vector * L + i) % 3 == Piece ? L + i : i; }
};
template <int L, int Piece> struct CollectThirds {
    static constexpr int at(int i) { return (3 * i + Piece) % L; }
};
template <int L, int Piece> struct CollectHalves {
    static constexpr int at(int i) { return 2 * i + Piece; }
};
// For the way back: the group and the piece of lane i of output vector `Vector`.
template <int L, int P, int Vector> struct GroupOf {
    static constexpr int at(int i) { return (Vector * L + i) / P; }
};
template <int L, int P, int Vector> struct PieceOf {
    static constexpr int at(int i) { return (Vector * L + i) % P; }
};

// Piece number Piece of `lanes` groups of P from x on.
template <int P, int Piece, typename T> THINC_INLINE Vec<T> load_pieces(const T* x) {
    using V = Vec<T>;
    constexpr int L = V::lanes;
    if constexpr (P == 2) {
        return shuffle<CollectHalves<L, Piece>>(V::load(x), V::load(x + L));
    } else {
        V v = shuffle<FromThird<L, Piece, 1>>(V::load(x), V::load(x + L));
        v = shuffle<FromThird<L, Piece, 2>>(v, V::load(x + 2 * L));
        return shuffle<CollectThirds<L, Piece>>(v, v);
    }
}

// Whether x replaces best: it is larger, or the first NaN.
template <typename T> THINC_INLINE Mask<T> better(Vec<T> x, Vec<T> best) { return ~le(x, best) & eq(best, best); }
template <typename T> THINC_INLINE bool better(T x, T best) { return !(x <= best) && best == best; }

// best[i], which[i] for N groups of P consecutive elements of x; the first of equals wins, and the first NaN, as in
// numpy.argmax. P = 0 is not allowed.
template <typename T, typename I> void maxout_any(T* best, I* which, const T* x, std::size_t N, std::size_t P) {
    for (std::size_t i = 0; i < N; ++i, x += P) {
        T top = x[0];
        I w = 0;
        for (std::size_t p = 1; p < P; ++p) {
            const bool b = better(x[p], top);
            top = b ? x[p] : top;
            w = b ? static_cast<I>(p) : w;
        }
        best[i] = top;
        which[i] = w;
    }
}
template <int P, typename T, typename I> void maxout_fixed(T* best, I* which, const T* x, std::size_t N) {
    using V = Vec<T>;
    using Raw = typename Mask<T>::raw;
    std::size_t i = until_aligned(best);
    if (i > N) i = 0;
    maxout_any(best, which, x, i, P);
    x += P * i;
    for (; i + V::lanes <= N; i += V::lanes, x += P * V::lanes) {
        V top = load_pieces<P, 0>(x);
        const V second = load_pieces<P, 1>(x);
        Mask<T> b = better(second, top);
        top = select(b, second, top);
        Raw w = b.m ? Raw{} + 1 : Raw{};
        if constexpr (P == 3) {
            const V third = load_pieces<P, 2>(x);
            b = better(third, top);
            top = select(b, third, top);
            w = b.m ? Raw{} + 2 : w;
        }
        top.store(best + i);
        Which<T, I>::store(which + i, w);
    }
    maxout_any(best + i, which + i, x, N - i, P);
}
template <typename T, typename I> void maxout(T* best, I* which, const T* x, std::size_t N, std::size_t P) {
    if (P == 3) maxout_fixed<3>(best, which, x, N);
    else if (P == 2) maxout_fixed<2>(best, which, x, N);
    else maxout_any(best, which, x, N, P);
}

// The position of the first which[i] outside [0, P), or N.
inline std::size_t find_outside(const std::int32_t* which, std::size_t N, std::size_t P) {
    std::uint32_t last = 0;
    for (std::size_t i = 0; i < N; ++i) {
        const std::uint32_t w = static_cast<std::uint32_t>(which[i]);
        last = w > last ? w : last;
    }
    if (N == 0 || last < P) return N;
    std::size_t i = 0;
    while (static_cast<std::uint32_t>(which[i]) < P) ++i;
    return i;
}

template <typename T> void scatter_any(T* dx, const T* dy, const std::int32_t* which, std::size_t N, std::size_t P) {
    for (std::size_t i = 0; i < N; ++i, dx += P) {
        for (std::size_t p = 0; p < P; ++p) dx[p] = 0;
        dx[which[i]] = dy[i];
    }
}
template <int P, int Vector, typename T>
THINC_INLINE void scatter_vector(T* dx, Vec<T> dy, Vec<typename IntOf<T>::type> w) {
    using I = typename IntOf<T>::type;
    constexpr int L = Vec<T>::lanes;
    using Group = GroupOf<L, P, Vector>;
    const Vec<I> own = constants<PieceOf<L, P, Vector>, I>();
    const Mask<T> hit = {shuffle<Group>(w, w).v == own.v};
    select(hit, shuffle<Group>(dy, dy), Vec<T>::fill(0)).store(dx + Vector * L);
}
template <int P, typename T> void scatter_fixed(T* dx, const T* dy, const std::int32_t* which, std::size_t N) {
    constexpr std::size_t L = Vec<T>::lanes;
    // the groups until dx is aligned, which is possible since P = 3 has an inverse modulo the lanes
    std::size_t i = 0;
    while (i < L && until_aligned(dx + P * i) != 0) ++i;
    if (i >= L || i > N) i = 0;
    scatter_any(dx, dy, which, i, P);
    dx += P * i;
    for (; i + L <= N; i += L, dx += P * L) {
        const Vec<typename IntOf<T>::type> w = {Which<T>::load(which + i)};
        const Vec<T> d = Vec<T>::load(dy + i);
        scatter_vector<P, 0>(dx, d, w);
        scatter_vector<P, 1>(dx, d, w);
        if constexpr (P == 3) scatter_vector<P, 2>(dx, d, w);
    }
    scatter_any(dx, dy + i, which + i, N - i, P);
}
// dx (N, P): dy[i] at which[i], else 0. Returns the position of the first which[i] outside [0, P) (dx is then partly
// written), or -1.
template <typename T>
std::ptrdiff_t backprop_maxout(T* dx, const T* dy, const std::int32_t* which, std::size_t N, std::size_t P) {
    constexpr std::size_t block = 4096;  // checked and then used while in the first-level cache
    for (std::size_t start = 0; start < N; start += block) {
        const std::size_t n = N - start < block ? N - start : block;
        const std::size_t bad = find_outside(which + start, n, P);
        if (bad < n) return static_cast<std::ptrdiff_t>(start + bad);
        if (P == 3) scatter_fixed<3>(dx + start * P, dy + start, which + start, n);
        else if (P == 2) scatter_fixed<2>(dx + start * P, dy + start, which + start, n);
        else scatter_any(dx + start * P, dy + start, which + start, n, P);
    }
    return -1;
}

template <typename T> constexpr Maxouts<T> maxout_kernels() { return {maxout<T, std::int32_t>, backprop_maxout<T>}; }

}  // namespace thinc::THINC_ISA
