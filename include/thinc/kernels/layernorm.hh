// Layer normalisation (Ba et al., 2016, https://arxiv.org/abs/1607.06450), the same by root mean squares (Zhang and
// Sennrich, 2019, https://arxiv.org/abs/1910.07467), and sums over rows. float, double.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/loop.hh"

namespace thinc::THINC_ISA {

// Each row (n) of x (rows, n): mu = mean, rstd = 1 / sqrt(variance + epsilon), y = (x - mu) rstd gain + bias.
// The variance is that of the population, in a second pass over the row (no cancellation). y == x allowed.
template <typename T>
void layernorm(T* y, T* mu, T* rstd, const T* x, const T* gain, const T* bias, std::size_t rows, std::size_t n,
               T epsilon) {
    using V = Vec<T>;
    const T each = T(1) / static_cast<T>(n);
    for (std::size_t r = 0; r < rows; ++r, x += n, y += n) {
        const T mean = sum_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA { return at.load(x); }) * each;
        const V m = V::fill(mean);
        const T variance = each * sum_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
                               const V d = at.load(x) - m;
                               return d * d;
                           });
        mu[r] = mean;
        rstd[r] = sqrt(V::fill(1) / V::fill(variance + epsilon)).v[0];
        const V s = V::fill(rstd[r]);
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
            at.store(y, fma((at.load(x) - m) * s, at.load(gain), at.load(bias)));
        });
    }
}

// With h = (x - mu) rstd and d = dy gain: dx = rstd (d - mean(d) - h mean(d h)) per row; sums over the rows:
// dgain = sum dy h, dbias = sum dy. dx == dy allowed. n > 0 or nothing is done.
template <typename T>
void backprop_layernorm(T* dx, T* dgain, T* dbias, const T* dy, const T* x, const T* gain, const T* mu, const T* rstd,
                        std::size_t rows, std::size_t n) {
    using V = Vec<T>;
    const T each = T(1) / static_cast<T>(n);
    for (std::size_t i = 0; i < n; ++i) dgain[i] = dbias[i] = 0;
    for (std::size_t r = 0; r < rows; ++r, x += n, dy += n, dx += n) {
        const V m = V::fill(mu[r]), s = V::fill(rstd[r]);
        V sum_d = V::fill(0), sum_dh = V::fill(0);
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
            const V g = at.load(dy), h = (at.load(x) - m) * s, d = g * at.load(gain);
            at.store(dgain, fma(g, h, at.load(dgain)));
            at.store(dbias, at.load(dbias) + g);
            sum_d = sum_d + d;  // 0 beyond the end, as is gain
            sum_dh = fma(d, h, sum_dh);
        });
        const V a = V::fill(reduce_add(sum_d) * each), b = V::fill(reduce_add(sum_dh) * each);
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
            const V h = (at.load(x) - m) * s, d = at.load(dy) * at.load(gain);
            at.store(dx, s * ((d - a) - h * b));
        });
    }
}

// Each row (n) of x (rows, n): rstd = 1 / sqrt(mean(x^2) + epsilon), y = x rstd gain. y == x allowed.
template <typename T>
void rmsnorm(T* y, T* rstd, const T* x, const T* gain, std::size_t rows, std::size_t n, T epsilon) {
    using V = Vec<T>;
    const T each = T(1) / static_cast<T>(n);
    for (std::size_t r = 0; r < rows; ++r, x += n, y += n) {
        const T mean = each * sum_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
                           const V v = at.load(x);
                           return v * v;
                       });
        rstd[r] = sqrt(V::fill(1) / V::fill(mean + epsilon)).v[0];
        const V s = V::fill(rstd[r]);
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA { at.store(y, at.load(x) * s * at.load(gain)); });
    }
}

// With h = x rstd and d = dy gain: dx = rstd (d - h mean(d h)) per row; dgain = sum dy h over the rows. dx == dy allowed.
template <typename T>
void backprop_rmsnorm(T* dx, T* dgain, const T* dy, const T* x, const T* gain, const T* rstd, std::size_t rows,
                      std::size_t n) {
    using V = Vec<T>;
    const T each = T(1) / static_cast<T>(n);
    for (std::size_t i = 0; i < n; ++i) dgain[i] = 0;
    for (std::size_t r = 0; r < rows; ++r, x += n, dy += n, dx += n) {
        const V s = V::fill(rstd[r]);
        V sum = V::fill(0);
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
            const V g = at.load(dy) * (at.load(x) * s);
            at.store(dgain, at.load(dgain) + g);
            sum = fma(g, at.load(gain), sum);  // 0 beyond the end, as is gain
        });
        const V b = V::fill(reduce_add(sum) * each);
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
            const V h = at.load(x) * s, d = at.load(dy) * at.load(gain);
            at.store(dx, s * (d - h * b));
        });
    }
}

// sums (n) = sum over the rows of x (rows, n), in blocks of 64 rows: the error grows with rows / 64 + 64, not rows.
template <typename T> void sum_columns(T* sums, const T* x, std::size_t rows, std::size_t n) {
    using V = Vec<T>;
    constexpr std::size_t block = 64, wide = 4 * V::lanes;
    for (std::size_t i = 0; i < n; ++i) sums[i] = 0;
    for (std::size_t start = 0; start < rows; start += block, x += block * n) {
        const std::size_t count = rows - start < block ? rows - start : block;
        std::size_t i = 0;
        for (; i + wide <= n; i += wide) {
            V a = V::fill(0), b = a, c = a, d = a;
            const T* p = x + i;
            for (std::size_t r = 0; r < count; ++r, p += n) {
                a = a + V::load(p);
                b = b + V::load(p + V::lanes);
                c = c + V::load(p + 2 * V::lanes);
                d = d + V::load(p + 3 * V::lanes);
            }
            (V::load(sums + i) + a).store(sums + i);
            (V::load(sums + i + V::lanes) + b).store(sums + i + V::lanes);
            (V::load(sums + i + 2 * V::lanes) + c).store(sums + i + 2 * V::lanes);
            (V::load(sums + i + 3 * V::lanes) + d).store(sums + i + 3 * V::lanes);
        }
        for_each<T>(n - i, [&](auto at) THINC_INLINE_LAMBDA {
            V a = V::fill(0);
            for (std::size_t r = 0; r < count; ++r) a = a + at.load(x + i + r * n);
            at.store(sums + i, at.load(sums + i) + a);
        });
    }
}

template <typename T> constexpr Normalizers<T> normalizer_kernels() {
    return {layernorm<T>, backprop_layernorm<T>, sum_columns<T>, rmsnorm<T>, backprop_rmsnorm<T>};
}

}  // namespace thinc::THINC_ISA
