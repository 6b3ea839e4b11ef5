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
    T scale, l2, beta1, one_minus_beta1, beta2, one_minus_beta2, eps, step, gradient_step, decay, rate, smallest;
};

THINC_INLINE float square_root(float x) { return __builtin_sqrtf(x); }
THINC_INLINE double square_root(double x) { return __builtin_sqrt(x); }

enum Penalty { no_penalty, penalty_in_gradient, weight_decay, decay_before };

constexpr bool has_first_moment(int rule) { return rule != update_sgd; }
constexpr bool has_second_moment(int rule) {
    return has_first_moment(rule) && rule != update_heavy_ball && rule != update_lion;
}

// Moments that decay without a gradient (rows of a table that are not drawn) would end as denormals, for ever, at a
// twentieth of the speed.
template <typename T> THINC_INLINE T flushed(T moment, T smallest) {
    return (moment < 0 ? -moment : moment) < smallest ? T(0) : moment;
}

// One cache line of each array: the number of values is a constant, so that the compiler gives straight vector code.
template <typename T, int rule, Penalty penalty, bool averaging>
THINC_INLINE void update_line(T* __restrict w, T* __restrict g, T* __restrict m, T* __restrict v, T* __restrict e,
                              const UpdateFactors<T>& f) {
    for (std::size_t i = 0; i < 64 / sizeof(T); ++i) {
        T gradient = g[i], weight = w[i], left = 0, average = averaging ? e[i] : T(0);
        if (penalty == penalty_in_gradient) gradient += f.l2 * weight;
        gradient *= f.scale;
        if (penalty == decay_before && rule != update_lamb) weight -= f.decay * weight;
        if (has_second_moment(rule)) {
            const T second = flushed(f.beta2 * v[i] + f.one_minus_beta2 * (gradient * gradient), f.smallest);
            v[i] = second;
            if (rule == update_schedule_free) {
                // m is where the steps go, the average is what to predict with, the weights are between the two.
                const T base = m[i] - (f.step * (gradient / (square_root(second) + f.eps)) + f.gradient_step * w[i]);
                m[i] = base;
                average -= f.rate * (average - base);
                weight = base + f.beta1 * (average - base);
            } else {
                const T first = flushed(f.beta1 * m[i] + f.one_minus_beta1 * gradient, f.smallest);
                m[i] = first;
                const T root = square_root(second) + f.eps;
                if (rule == update_adam) weight -= f.step * (first / root);
                else if (rule == update_nadam) weight -= (f.step * first + f.gradient_step * gradient) / root;
                else if (rule == update_lamb) left = f.gradient_step * (first / root) + f.decay * weight;
                else weight -= f.step * first;
            }
        } else if (rule == update_heavy_ball) {
            const T first = flushed(f.beta1 * m[i] + gradient, f.smallest);
            m[i] = first;
            weight -= f.step * first + f.gradient_step * gradient;
        } else if (rule == update_lion) {
            const T mixed = f.beta1 * m[i] + f.one_minus_beta1 * gradient;
            m[i] = flushed(f.beta2 * m[i] + f.one_minus_beta2 * gradient, f.smallest);
            weight -= f.step * (mixed > 0 ? T(1) : mixed < 0 ? T(-1) : mixed);
        } else {
            weight -= f.step * gradient;
        }
        if (penalty == weight_decay) weight -= f.decay * weight;
        w[i] = weight;
        g[i] = left;
        if (averaging) e[i] = rule == update_schedule_free ? average : average - f.rate * (average - weight);
    }
}

template <typename T, int rule, Penalty penalty, bool averaging>
void update_arrays(const ParameterUpdate& u, const UpdateFactors<T>& f) {
    constexpr std::size_t line = 64 / sizeof(T), ahead = 1024 / sizeof(T);
    constexpr bool first = has_first_moment(rule), second = has_second_moment(rule);
    T *w = static_cast<T*>(u.weights), *g = static_cast<T*>(u.gradient), *e = static_cast<T*>(u.average);
    T *m = static_cast<T*>(u.mom1), *v = static_cast<T*>(u.mom2);
    const std::size_t n = u.size;
    std::size_t i = 0;
    for (; i + line <= n; i += line) {
        // Four or five streams are more than the hardware follows well: 5 % faster on arrays beyond the caches.
        __builtin_prefetch(w + i + ahead, 1);
        __builtin_prefetch(g + i + ahead, 1);
        if (first) __builtin_prefetch(m + i + ahead, 1);
        if (second) __builtin_prefetch(v + i + ahead, 1);
        if (averaging) __builtin_prefetch(e + i + ahead, 1);
        update_line<T, rule, penalty, averaging>(w + i, g + i, first ? m + i : nullptr, second ? v + i : nullptr,
                                                 averaging ? e + i : nullptr, f);
    }
    if (i == n) return;
    // The rest goes through the same vector code, so a value never depends on its position.
    T rest[5][line] = {};
    T* const arrays[5] = {w, g, m, v, e};
    const bool used[5] = {true, true, first, second, averaging};
    for (int a = 0; a < 5; ++a)
        for (std::size_t k = i; used[a] && k < n; ++k) rest[a][k - i] = arrays[a][k];
    update_line<T, rule, penalty, averaging>(rest[0], rest[1], rest[2], rest[3], rest[4], f);
    for (int a = 0; a < 5; ++a)
        for (std::size_t k = i; used[a] && k < n; ++k) arrays[a][k] = rest[a][k - i];
}

template <typename T, int rule, Penalty penalty>
void update_with(const ParameterUpdate& u, const UpdateFactors<T>& f) {
    if (u.average && rule != update_lamb) update_arrays<T, rule, penalty, rule != update_lamb>(u, f);
    else update_arrays<T, rule, penalty, false>(u, f);
}

// Decay after the step is that of the three rules that were first.
template <typename T, int rule> void update_by(const ParameterUpdate& u, const UpdateFactors<T>& f, bool decay_first) {
    constexpr bool is_old = rule == update_sgd || rule == update_momentum || rule == update_adam;
    constexpr bool may_decay_first = rule != update_momentum && rule != update_schedule_free && rule != update_lamb;
    if (f.l2 != 0) update_with<T, rule, penalty_in_gradient>(u, f);
    else if (may_decay_first && f.decay != 0 && (decay_first || !is_old))
        update_with<T, rule, may_decay_first ? decay_before : no_penalty>(u, f);
    else if (is_old && f.decay != 0) update_with<T, rule, is_old ? weight_decay : no_penalty>(u, f);
    else update_with<T, rule, no_penalty>(u, f);
}

// For each item, in order, with the numbers of its settings:
//     g' = factor (g + l2 w)
//     w -= decay w                                       (where decay_first)
//     m  = beta1 m + (1 - beta1) g'                      (momentum, Adam, NAdam, LAMB)
//          beta1 m + g'                                  (heavy ball)
//     v  = beta2 v + (1 - beta2) g'^2                    (momentum, Adam, NAdam, LAMB, schedule-free)
//     w -= step g'                                       (SGD)
//          step m                                        (momentum)
//          step m + gradient_step g'                     (heavy ball)
//          step m / (sqrt(v) + eps)                      (Adam; sqrt and division correctly rounded)
//          (step m + gradient_step g') / (sqrt(v) + eps) (NAdam)
//          step sign(beta1 m + (1 - beta1) g')           (Lion; then m = beta2 m + (1 - beta2) g')
//     w -= decay w                                       (where not decay_first: SGD, momentum, Adam)
//     g  = 0                                             (assigned: a NaN does not survive)
//     average -= average_rate (average - w)
// LAMB only finds its direction: w and average stay, g = gradient_step m / (sqrt(v) + eps) + decay w.
// Schedule-free: m -= step g' / (sqrt(v) + eps) + gradient_step w; average -= average_rate (average - m);
// w = m + beta1 (average - m). It needs an average.
// At most one of l2 and decay is non-zero; `clip` of the settings is the caller's affair. The arrays of an item must
// not overlap; items may share arrays. Moments below the smallest normal number become 0.
template <typename T> void update(const ParameterUpdate* items, std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
        const ParameterUpdate& u = items[k];
        const UpdateSettings& s = *u.settings;
        const UpdateFactors<T> f = {
            T(u.factor),    T(s.l2),    T(s.beta1), T(1 - s.beta1),     T(s.beta2),
            T(1 - s.beta2), T(s.eps),   T(s.step),  T(s.gradient_step), T(s.decay),
            T(s.average_rate),
            T(sizeof(T) == 4 ? 1.1754943508222875e-38 : 2.2250738585072014e-308),
        };
        switch (s.rule) {
            case update_momentum: update_by<T, update_momentum>(u, f, s.decay_first); break;
            case update_adam: update_by<T, update_adam>(u, f, s.decay_first); break;
            case update_heavy_ball: update_by<T, update_heavy_ball>(u, f, s.decay_first); break;
            case update_nadam: update_by<T, update_nadam>(u, f, s.decay_first); break;
            case update_lion: update_by<T, update_lion>(u, f, s.decay_first); break;
            case update_lamb: update_by<T, update_lamb>(u, f, s.decay_first); break;
            case update_schedule_free: update_by<T, update_schedule_free>(u, f, s.decay_first); break;
            default: update_by<T, update_sgd>(u, f, s.decay_first);
        }
    }
}

template <typename T> constexpr Optimizers<T> optimizer_kernels() {
    return {update<T>, sum_squares<T>, sum_squares_penalised<T>, scale_array<T>, update_average<T>};
}

}  // namespace thinc::THINC_ISA
