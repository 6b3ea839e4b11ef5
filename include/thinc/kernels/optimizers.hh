// Optimizer updates: one pass over weights, gradient, moments and averages. float, double.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/kernels/adafactor.hh"
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
    Vec<T> scale, l2, beta1, one_minus_beta1, beta2, one_minus_beta2, eps, step, gradient_step, decay, rate, smallest;
};

enum Penalty { no_penalty, penalty_in_gradient, weight_decay, decay_before };

constexpr bool has_first_moment(int rule) { return rule != update_sgd; }
constexpr bool has_second_moment(int rule) {
    return has_first_moment(rule) && rule != update_heavy_ball && rule != update_lion && rule != update_adafactor;
}

// One cache line of each array.
template <typename T, int rule, Penalty penalty, bool averaging>
THINC_INLINE void update_line(T* w, T* g, T* m, T* v, T* e, const UpdateFactors<T>& f) {
    using V = Vec<T>;
    const V zero = V::fill(0);
    // Moments that decay without a gradient (rows of a table that are not drawn) would end as denormals, for ever, at
    // a twentieth of the speed.
    const auto keep = [&](T* to, V moment) {
        moment = select(lt(abs(moment), f.smallest), zero, moment);
        moment.store(to);
        return moment;
    };
    for (std::size_t i = 0; i < 64 / sizeof(T); i += V::lanes) {
        const V before = V::load(w + i);
        V gradient = V::load(g + i), weight = before, left = zero, average = averaging ? V::load(e + i) : zero;
        if (penalty == penalty_in_gradient) gradient = fma(f.l2, weight, gradient);
        gradient = gradient * f.scale;
        if (penalty == decay_before) weight = fma(-f.decay, weight, weight);
        if (rule == update_sgd) {
            weight = fma(-f.step, gradient, weight);
        } else if (rule == update_heavy_ball) {
            const V first = keep(m + i, fma(f.beta1, V::load(m + i), gradient));
            weight = weight - fma(f.step, first, f.gradient_step * gradient);
        } else if (rule == update_lion) {
            const V first = V::load(m + i), mixed = fma(f.beta1, first, f.one_minus_beta1 * gradient);
            keep(m + i, fma(f.beta2, first, f.one_minus_beta2 * gradient));
            const V up = select(lt(zero, mixed), f.step, mixed);  // a NaN stays one
            weight = weight - select(lt(mixed, zero), -f.step, up);
        } else if (rule == update_adafactor) {
            const V square = gradient * gradient;
            const V first = keep(m + i, fma(f.beta2, V::load(m + i), f.one_minus_beta2 * square));
            left = gradient / sqrt(max(f.eps, first));  // a NaN stays one
        } else {
            const V second = keep(v + i, fma(f.beta2, V::load(v + i), f.one_minus_beta2 * (gradient * gradient)));
            if (rule == update_schedule_free) {
                const V direction = gradient / (sqrt(second) + f.eps);
                const V base = V::load(m + i) - fma(f.step, direction, f.gradient_step * before);
                base.store(m + i);
                average = fma(-f.rate, average - base, average);
                weight = fma(f.beta1, average - base, base);
            } else {
                const V first = keep(m + i, fma(f.beta1, V::load(m + i), f.one_minus_beta1 * gradient));
                const V root = sqrt(second) + f.eps;
                if (rule == update_adam) weight = fma(-f.step, first / root, weight);
                else if (rule == update_nadam)
                    weight = weight - fma(f.step, first, f.gradient_step * gradient) / root;
                else if (rule == update_lamb) left = fma(f.decay, weight, f.gradient_step * (first / root));
                else weight = fma(-f.step, first, weight);
            }
        }
        if (penalty == weight_decay) weight = fma(-f.decay, weight, weight);
        if (!finds_direction(rule)) weight.store(w + i);
        left.store(g + i);
        if (averaging && rule == update_schedule_free) average.store(e + i);
        else if (averaging) fma(-f.rate, average - weight, average).store(e + i);
    }
}

template <typename T, int rule, Penalty penalty, bool averaging>
void update_arrays(const ParameterUpdate& u, const UpdateFactors<T>& factors) {
    const UpdateFactors<T> f = factors;  // that no store can change
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
    if (u.average && !finds_direction(rule)) update_arrays<T, rule, penalty, !finds_direction(rule)>(u, f);
    else update_arrays<T, rule, penalty, false>(u, f);
}

// Decay after the step is that of the three rules that were first. LAMB and schedule-free have it in their formula.
template <typename T, int rule>
void update_by(const ParameterUpdate& u, const UpdateSettings& s, const UpdateFactors<T>& f) {
    constexpr bool is_old = rule == update_sgd || rule == update_momentum || rule == update_adam;
    constexpr bool may_decay_before = rule != update_momentum && rule != update_schedule_free && !finds_direction(rule);
    if (s.l2 != 0) update_with<T, rule, penalty_in_gradient>(u, f);
    else if (may_decay_before && s.decay != 0 && (s.decay_first || !is_old))
        update_with<T, rule, may_decay_before ? decay_before : no_penalty>(u, f);
    else if (is_old && s.decay != 0) update_with<T, rule, is_old ? weight_decay : no_penalty>(u, f);
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
// LAMB and Adafactor only find their directions, w and average stay: g = gradient_step m / (sqrt(v) + eps) + decay w,
// and m = beta2 m + (1 - beta2) g'^2, g = g' / sqrt(max(m, eps)).
// Schedule-free: m -= step g' / (sqrt(v) + eps) + gradient_step w; average -= average_rate (average - m);
// w = m + beta1 (average - m). It needs an average.
// At most one of l2 and decay is non-zero; `clip` of the settings is the caller's affair. The arrays of an item must
// not overlap; items may share arrays. Moments below the smallest normal number become 0.
template <typename T> void update(const ParameterUpdate* items, std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
        const ParameterUpdate& u = items[k];
        const UpdateSettings& s = *u.settings;
        const auto fill = [](double x) { return Vec<T>::fill(T(x)); };
        const UpdateFactors<T> f = {
            fill(u.factor),       fill(s.l2),  fill(s.beta1), fill(1 - s.beta1),     fill(s.beta2),
            fill(1 - s.beta2),    fill(s.eps), fill(s.step),  fill(s.gradient_step), fill(s.decay),
            fill(s.average_rate), fill(sizeof(T) == 4 ? 0x1p-126 : 0x1p-1022),
        };
        switch (s.rule) {
            case update_momentum: update_by<T, update_momentum>(u, s, f); break;
            case update_adam: update_by<T, update_adam>(u, s, f); break;
            case update_heavy_ball: update_by<T, update_heavy_ball>(u, s, f); break;
            case update_nadam: update_by<T, update_nadam>(u, s, f); break;
            case update_lion: update_by<T, update_lion>(u, s, f); break;
            case update_lamb: update_by<T, update_lamb>(u, s, f); break;
            case update_schedule_free: update_by<T, update_schedule_free>(u, s, f); break;
            case update_adafactor: update_by<T, update_adafactor>(u, s, f); break;
            default: update_by<T, update_sgd>(u, s, f);
        }
    }
}

template <typename T> constexpr Optimizers<T> optimizer_kernels() {
    return {
        update<T>,        sum_squares<T>,      sum_squares_penalised<T>, scale_array<T>,   update_average<T>,
        factored_rows<T>, factored_columns<T>, factored_direction<T>,    factored_step<T>,
    };
}

}  // namespace thinc::THINC_ISA
