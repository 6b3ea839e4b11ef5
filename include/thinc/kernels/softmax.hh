// Softmax over rows and over sequences, with the backward passes. float, double.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/loop.hh"
#include "thinc/simd/math.hh"

namespace thinc::THINC_ISA {

// Each row (n) of x (rows, n): y = exp(scale (x - top)) / sum, where scale top is the greatest scale x: the difference
// comes first, as the rounding of scale x alone may be so large that its exp overflows. y == x allowed. Error 4 ULP of
// the value plus the rounding of scale (x - top). What becomes infinite upwards, or NaN, makes its row NaN, as does a
// row of -infinity only.
template <typename T> void softmax(T* y, const T* x, std::size_t rows, std::size_t n, T scale) {
    using V = Vec<T>;
    const T sign = scale < 0 ? -1 : 1;
    const V s = V::fill(scale), upwards = V::fill(sign);
    const T lowest = -T(__builtin_inf());
    for (std::size_t r = 0; r < rows; ++r, x += n, y += n) {
        V top = V::fill(lowest);
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
            top = max(top, at.keep_or(at.load(x) * upwards, lowest));
        });
        const V shift = V::fill(sign * reduce_max(top));
        const T sum = sum_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
            const V e = exp_negative((at.load(x) - shift) * s);
            at.store(y, e);
            return e;
        });
        const V norm = V::fill(1 / sum);
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA { at.store(y, at.load(y) * norm); });
    }
}

// Each row: dx = y (dy' - sum(y dy')), dy' = scale dy. dx == dy or dx == y allowed.
template <typename T>
void backprop_softmax(T* dx, const T* y, const T* dy, std::size_t rows, std::size_t n, T scale) {
    using V = Vec<T>;
    const V s = V::fill(scale);
    for (std::size_t r = 0; r < rows; ++r, y += n, dy += n, dx += n) {
        const V dot = V::fill(sum_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA { return at.load(y) * at.load(dy); }));
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA { at.store(dx, at.load(y) * ((at.load(dy) - dot) * s)); });
    }
}

// Each column of each of B consecutive sequences of rows of x (sum(lengths), O): y = exp(x) / sum over the sequence, x
// clipped to +-20 and not shifted. lengths >= 0. y == x allowed.
template <typename T>
void softmax_sequences(T* y, const T* x, const std::int32_t* lengths, std::size_t B, std::size_t O) {
    using V = Vec<T>;
    for (std::size_t b = 0; b < B; ++b) {
        const std::size_t rows = static_cast<std::size_t>(lengths[b]);
        for_each<T>(O, [&](auto at) THINC_INLINE_LAMBDA {
            V sum = V::fill(0);
            for (std::size_t t = 0; t < rows; ++t) {
                const V e = exp_moderate(clamp(at.load(x + t * O), T(-20), T(20)));
                at.store(y + t * O, e);
                sum = sum + e;
            }
            const V norm = V::fill(1) / sum;
            for (std::size_t t = 0; t < rows; ++t) at.store(y + t * O, at.load(y + t * O) * norm);
        });
        x += rows * O;
        y += rows * O;
    }
}

// dx = y (dy - sum over the sequence of y dy), per column. dx == dy or dx == y allowed.
template <typename T>
void backprop_softmax_sequences(T* dx, const T* dy, const T* y, const std::int32_t* lengths, std::size_t B,
                                std::size_t O) {
    using V = Vec<T>;
    for (std::size_t b = 0; b < B; ++b) {
        const std::size_t rows = static_cast<std::size_t>(lengths[b]);
        for_each<T>(O, [&](auto at) THINC_INLINE_LAMBDA {
            V sum = V::fill(0);
            for (std::size_t t = 0; t < rows; ++t) sum = fma(at.load(y + t * O), at.load(dy + t * O), sum);
            for (std::size_t t = 0; t < rows; ++t)
                at.store(dx + t * O, at.load(y + t * O) * (at.load(dy + t * O) - sum));
        });
        dy += rows * O;
        y += rows * O;
        dx += rows * O;
    }
}

template <typename T> constexpr Softmaxes<T> softmax_kernels() {
    return {softmax<T>, backprop_softmax<T>, softmax_sequences<T>, backprop_softmax_sequences<T>};
}

}  // namespace thinc::THINC_ISA
