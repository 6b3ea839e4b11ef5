// Loops over an array in whole vectors and one part: the body is a lambda that gets a position, with which it loads
// and stores at the same index of any array. One text serves the bulk and the rest.
#pragma once
#include "thinc/simd/vec.hh"

namespace thinc::THINC_ISA {

// `lanes` elements from index i on.
template <typename T> struct Whole {
    std::size_t i;
    THINC_INLINE Vec<T> load(const T* p, T = T(0)) const { return Vec<T>::load(p + i); }
    THINC_INLINE void store(T* p, Vec<T> v) const { v.store(p + i); }
    THINC_INLINE Vec<T> keep_or(Vec<T> v, T) const { return v; }
};

// The last n < lanes elements, from index i on; loading and keep_or() give `rest` in the other lanes.
template <typename T> struct Part {
    std::size_t i, n;
    THINC_INLINE Vec<T> load(const T* p, T rest = T(0)) const { return Vec<T>::load_some(p + i, n, rest); }
    THINC_INLINE void store(T* p, Vec<T> v) const { v.store_some(p + i, n); }
    THINC_INLINE Vec<T> keep_or(Vec<T> v, T rest) const { return select(first_lanes<T>(n), v, Vec<T>::fill(rest)); }
};

template <typename T, typename F> THINC_INLINE void for_each(std::size_t n, F body) {
    std::size_t i = 0;
    for (; i + Vec<T>::lanes <= n; i += Vec<T>::lanes) body(Whole<T>{i});
    if (i < n) body(Part<T>{i, n - i});
}

// How many elements from p on until the address is a multiple of the vector's size.
template <typename T> THINC_INLINE std::size_t until_aligned(const T* p) {
    return (-reinterpret_cast<std::uintptr_t>(p) % THINC_VECTOR_BYTES) / sizeof(T);
}
// for_each whose whole vectors are aligned for the array `out`. NumPy's arrays are aligned to 16 bytes only, and a
// vector of 64 would straddle two cache lines at every store (relu of 2400 floats: 1.15x; of 600 000, which come from
// memory: no gain).
template <typename T, typename F> THINC_INLINE void for_each_aligned(const T* out, std::size_t n, F body) {
    std::size_t i = until_aligned(out);
    if (i >= n) i = 0;
    if (i > 0) body(Part<T>{0, i});
    for (; i + Vec<T>::lanes <= n; i += Vec<T>::lanes) body(Whole<T>{i});
    if (i < n) body(Part<T>{i, n - i});
}

// Sum of the vectors that body(position) returns, in four chains: a chain waits for its own last addition.
template <typename T, typename F> THINC_INLINE T sum_each(std::size_t n, F body) {
    constexpr std::size_t L = Vec<T>::lanes;
    Vec<T> a = Vec<T>::fill(0), b = a, c = a, d = a;
    std::size_t i = 0;
    for (; i + 4 * L <= n; i += 4 * L) {
        a = a + body(Whole<T>{i});
        b = b + body(Whole<T>{i + L});
        c = c + body(Whole<T>{i + 2 * L});
        d = d + body(Whole<T>{i + 3 * L});
    }
    for (; i + L <= n; i += L) a = a + body(Whole<T>{i});
    if (i < n) {
        const Part<T> part{i, n - i};
        b = b + part.keep_or(body(part), T(0));
    }
    return reduce_add((a + b) + (c + d));
}

}  // namespace thinc::THINC_ISA
