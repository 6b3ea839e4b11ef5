// Optimizer updates: one pass over weights, gradient, moments and averages. float, double.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/wide.hh"

namespace thinc::THINC_ISA {

// sum_squares of x + l2 * w.
template <typename T> double sum_squares_penalised(const T* x, const T* w, double l2, std::size_t n) {
    const Vec<double> factor = Vec<double>::fill(l2);
    return sum_wide(
        n, x, w,
        [=](std::size_t i) {
            const Vec<double> v = fma(factor, load_wide(w + i), load_wide(x + i));
            return v * v;
        },
        [=](std::size_t i) {
            const double v = l2 * double(w[i]) + double(x[i]);
            return v * v;
        });
}

// x *= factor.
template <typename T> void scale_array(T* x, double factor, std::size_t n) {
    const T f = T(factor);
    for (std::size_t i = 0; i < n; ++i) x[i] *= f;
}

// average -= rate * (average - weights). No overlap.
template <typename T>
void update_average(T* __restrict average, const T* __restrict weights, double rate, std::size_t n) {
    const T r = T(rate);
    for (std::size_t i = 0; i < n; ++i) average[i] -= r * (average[i] - weights[i]);
}

template <typename T> struct UpdateFactors {
    Vec<T> scale, l2, beta1, one_minus_beta1, beta2, one_minus_beta2, eps, step, decay, rate, smallest;
};

enum Penalty { no_penalty, penalty_in_gradient, weight_decay };

// One cache line of each array.
template <typename T, int rule, Penalty penalty, bool averaging>
THINC_INLINE void update_line(T* w, T* g, T* m, T* v, T* e, const UpdateFactors<T>& f) {
    using V = Vec<T>;
    const V zero = V::fill(0);
    for (std::size_t i = 0; i < 64 / sizeof(T); i += V::lanes) {
        V gradient = V::load(g + i), weight = V::load(w + i);
        if (penalty == penalty_in_gradient) gradient = fma(f.l2, weight, gradient);
        gradient = gradient * f.scale;
        if (rule == update_sgd) {
            weight = fma(-f.step, gradient, weight);
        } else {
            V first = fma(f.beta1, V::load(m + i), f.one_minus_beta1 * gradient);
            V second = fma(f.beta2, V::load(v + i), f.one_minus_beta2 * (gradient * gradient));
            // Moments that decay without a gradient (rows of a table that are not drawn) would end as denormals,
            // for ever, at a twentieth of the speed.
            first = select(lt(abs(first), f.smallest), zero, first);
            second = select(lt(second, f.smallest), zero, second);
            first.store(m + i);
            second.store(v + i);
            weight = fma(-f.step, rule == update_adam ? first / (sqrt(second) + f.eps) : first, weight);
        }
        if (penalty == weight_decay) weight = fma(-f.decay, weight, weight);
        weight.store(w + i);
        zero.store(g + i);
        if (averaging) {
            const V average = V::load(e + i);
            fma(-f.rate, average - weight, average).store(e + i);
        }
    }
}

template <typename T, int rule, Penalty penalty, bool averaging>
void update_arrays(const ParameterUpdate& u, const UpdateFactors<T>& factors) {
    const UpdateFactors<T> f = factors;  // that no store can change
    constexpr std::size_t line = 64 / sizeof(T), ahead = 1024 / sizeof(T);
    constexpr bool moments = rule != update_sgd;
    T *w = static_cast<T*>(u.weights), *g = static_cast<T*>(u.gradient), *e = static_cast<T*>(u.average);
    T *m = static_cast<T*>(u.mom1), *v = static_cast<T*>(u.mom2);
    const std::size_t n = u.size;
    std::size_t i = 0;
    for (; i + line <= n; i += line) {
        // Four or five streams are more than the hardware follows well: 5 % faster on arrays beyond the caches.
        __builtin_prefetch(w + i + ahead, 1);
        __builtin_prefetch(g + i + ahead, 1);
        if (moments) __builtin_prefetch(m + i + ahead, 1);
        if (moments) __builtin_prefetch(v + i + ahead, 1);
        if (averaging) __builtin_prefetch(e + i + ahead, 1);
        update_line<T, rule, penalty, averaging>(w + i, g + i, moments ? m + i : nullptr, moments ? v + i : nullptr,
                                                 averaging ? e + i : nullptr, f);
    }
    if (i == n) return;
    // The rest goes through the same vector code, so a value never depends on its position.
    T rest[5][line] = {};
    T* const arrays[5] = {w, g, m, v, e};
    const bool used[5] = {true, true, moments, moments, averaging};
    for (int a = 0; a < 5; ++a)
        for (std::size_t k = i; used[a] && k < n; ++k) rest[a][k - i] = arrays[a][k];
    update_line<T, rule, penalty, averaging>(rest[0], rest[1], rest[2], rest[3], rest[4], f);
    for (int a = 0; a < 5; ++a)
        for (std::size_t k = i; used[a] && k < n; ++k) arrays[a][k] = rest[a][k - i];
}

template <typename T, int rule, Penalty penalty>
void update_with(const ParameterUpdate& u, const UpdateFactors<T>& f) {
    if (u.average) update_arrays<T, rule, penalty, true>(u, f);
    else update_arrays<T, rule, penalty, false>(u, f);
}

template <typename T, int rule>
void update_by(const ParameterUpdate& u, const UpdateSettings& s, const UpdateFactors<T>& f) {
    if (s.l2 != 0) update_with<T, rule, penalty_in_gradient>(u, f);
    else if (s.decay != 0) update_with<T, rule, weight_decay>(u, f);
    else update_with<T, rule, no_penalty>(u, f);
}

// For each item, in order:
//     g' = factor (g + l2 w)
//     m  = beta1 m + (1 - beta1) g'              (Adam and momentum)
//     v  = beta2 v + (1 - beta2) g'^2
//     w -= step g'                               (SGD)
//          step m                                (momentum)
//          step m / (sqrt(v) + eps)              (Adam; sqrt and division correctly rounded)
//     w -= decay w
//     g  = 0                                     (assigned: a NaN does not survive)
//     average -= average_rate (average - w)
// At most one of l2 and decay is non-zero; `clip` of the settings is the caller's affair. The arrays of an item must
// not overlap; items may share arrays. Moments below the smallest normal number become 0.
template <typename T>
void update(const ParameterUpdate* items, std::size_t count, const UpdateSettings* settings) {
    const UpdateSettings& s = *settings;
    for (std::size_t k = 0; k < count; ++k) {
        const ParameterUpdate& u = items[k];
        const auto fill = [](double x) { return Vec<T>::fill(T(x)); };
        const UpdateFactors<T> f = {
            fill(u.factor),    fill(s.l2),  fill(s.beta1), fill(1 - s.beta1), fill(s.beta2),
            fill(1 - s.beta2), fill(s.eps), fill(u.step),  fill(s.decay),     fill(u.average_rate),
            fill(sizeof(T) == 4 ? 0x1p-126 : 0x1p-1022),
        };
        if (u.rule == update_adam) update_by<T, update_adam>(u, s, f);
        else if (u.rule == update_momentum) update_by<T, update_momentum>(u, s, f);
        else update_by<T, update_sgd>(u, s, f);
    }
}

template <typename T> constexpr Optimizers<T> optimizer_kernels() {
    return {update<T>, sum_squares<T>, sum_squares_penalised<T>, scale_array<T>, update_average<T>};
}

}  // namespace thinc::THINC_ISA
