// Accumulation in float64: loads that widen, whatever T is. One Vec<double> holds `wide_lanes` values.
#pragma once
#include "thinc/simd/vec.hh"

namespace thinc::THINC_ISA {

constexpr std::size_t wide_lanes = Vec<double>::lanes;

THINC_INLINE Vec<double> load_wide(const double* p) { return Vec<double>::load(p); }
// The instruction itself: GCC 12 makes three of it, each half on its own (a sum of squares takes half the time).
THINC_INLINE Vec<double> load_wide(const float* p) {
#if defined(__AVX512F__)
    return {_mm512_maskz_cvtps_pd(0xff, _mm256_loadu_ps(p))};
#elif defined(__AVX2__)
    return {_mm256_cvtps_pd(_mm_loadu_ps(p))};
#else
    typedef float half __attribute__((vector_size(THINC_VECTOR_BYTES / 2)));
    half h;
    __builtin_memcpy(&h, p, sizeof(half));
    return {__builtin_convertvector(h, Vec<double>::raw)};
#endif
}

// An address, not a pointer: it may lie outside the array, which does no harm. ForWriting: 1 if it will be written to.
template <int ForWriting = 0> THINC_INLINE void prefetch_address(std::uintptr_t address) {
    __builtin_prefetch(reinterpret_cast<const void*>(address), ForWriting);
}

// Sum over n values: term(i) gives the Vec<double> of the lanes from i on, tail(i) one value. Goes from the end to
// the beginning, so that a pass over the same arrays that follows finds its first megabytes in the cache (10 % of an
// Adam step with clipping over 1e6 parameters). Four accumulators hide the latency of the additions; asking for the
// arrays x and y (which may be null) 4 kB ahead hides more of the memory's than the hardware does for one stream (1.5
// times the speed over 1e7 values).
template <typename T, typename Term, typename Tail>
THINC_INLINE double sum_wide(std::size_t n, const T* x, const T* y, Term term, Tail tail) {
    using D = Vec<double>;
    constexpr std::size_t unrolled = 4 * wide_lanes, ahead = 4096;
    D a = D::fill(0), b = a, c = a, d = a;
    double rest = 0;
    std::size_t i = n;
    for (; i % unrolled != 0; --i) rest += tail(i - 1);
    while (i > 0) {
        i -= unrolled;
        for (std::size_t k = 0; k < unrolled * sizeof(T); k += 64) {
            prefetch_address(reinterpret_cast<std::uintptr_t>(x + i) - ahead + k);
            if (y) prefetch_address(reinterpret_cast<std::uintptr_t>(y + i) - ahead + k);
        }
        a = a + term(i);
        b = b + term(i + wide_lanes);
        c = c + term(i + 2 * wide_lanes);
        d = d + term(i + 3 * wide_lanes);
    }
    return reduce_add((a + b) + (c + d)) + rest;
}

// sum of x^2 in float64: neither overflows nor loses small terms for float input; NaN and infinities pass through.
template <typename T> double sum_squares(const T* x, std::size_t n) {
    return sum_wide(
        n, x, static_cast<const T*>(nullptr),
        [x](std::size_t i) {
            const Vec<double> v = load_wide(x + i);
            return v * v;
        },
        [x](std::size_t i) { return double(x[i]) * double(x[i]); });
}

}  // namespace thinc::THINC_ISA
