// Accumulation in float64: loads that widen, whatever T is. One Vec<double> holds `wide_lanes` values.
#pragma once
#include "thinc/simd/vec.hh"

namespace thinc::THINC_ISA {

constexpr std::size_t wide_lanes = Vec<double>::lanes;

THINC_INLINE Vec<double> load_wide(const double* p) { return Vec<double>::load(p); }
THINC_INLINE Vec<double> load_wide(const float* p) {
    typedef float half __attribute__((vector_size(THINC_VECTOR_BYTES / 2)));
    half h;
    __builtin_memcpy(&h, p, sizeof(half));
    return {__builtin_convertvector(h, Vec<double>::raw)};
}

// Sum of term(i, width) over i = 0, wide_lanes, ...: each term gives the Vec<double> of the lanes from i on;
// tail(i) gives one value. Four accumulators hide the latency of the additions.
template <typename Term, typename Tail>
THINC_INLINE double sum_wide(std::size_t n, Term term, Tail tail) {
    using D = Vec<double>;
    D a = D::fill(0), b = a, c = a, d = a;
    std::size_t i = 0;
    for (; i + 4 * wide_lanes <= n; i += 4 * wide_lanes) {
        a = a + term(i);
        b = b + term(i + wide_lanes);
        c = c + term(i + 2 * wide_lanes);
        d = d + term(i + 3 * wide_lanes);
    }
    for (; i + wide_lanes <= n; i += wide_lanes) a = a + term(i);
    double sum = reduce_add((a + b) + (c + d));
    for (; i < n; ++i) sum += tail(i);
    return sum;
}

// sum of x^2 in float64: neither overflows nor loses small terms for float input; NaN and infinities pass through.
template <typename T> double sum_squares(const T* x, std::size_t n) {
    return sum_wide(
        n,
        [x](std::size_t i) {
            const Vec<double> v = load_wide(x + i);
            return v * v;
        },
        [x](std::size_t i) { return double(x[i]) * double(x[i]); });
}

}  // namespace thinc::THINC_ISA
