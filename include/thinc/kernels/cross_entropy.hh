// Cross-entropies in natural logarithms: gradient and scalar in one pass over the rows. float, double.
//
// p is the row of guesses, or with from_logits its softmax; gradients are with respect to what goes into the softmax in
// either case. Gradient and loss are multiplied by scale. A probability below the smallest normal number counts as that
// one in logarithms, so that what a softmax rounded to 0 gives a large loss and not infinity. A NaN makes the loss NaN,
// and so the gradient: that element of it, with from_logits its row; as do a logit of +infinity and a row of -infinity.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/kernels/losses.hh"
#include "thinc/simd/loop.hh"
#include "thinc/simd/math.hh"

namespace thinc::THINC_ISA {

template <typename T> THINC_INLINE Vec<T> log_above_zero(Vec<T> x) {
    return log(max(Vec<T>::fill(MathConstants<T>::min_normal), x));
}

// The sum of weight * log(value), 64 values at a time: a row has one or two.
template <typename T> struct LogSum {
    static constexpr std::size_t size = 64;
    T values[size], weights[size];
    std::size_t n = 0;
    double sum = 0;

    THINC_INLINE void add(T value, T weight) {
        values[n] = value;
        weights[n] = weight;
        if (++n == size) flush();
    }
    void flush() {
        for (std::size_t i = 0; i < n; i += Vec<T>::lanes) {
            const std::size_t some = smaller_of(n - i, std::size_t(Vec<T>::lanes));
            T logs[Vec<T>::lanes];
            log_above_zero(some == Vec<T>::lanes ? Vec<T>::load(values + i) : Vec<T>::load_some(values + i, some, 1))
                .store(logs);
            for (std::size_t k = 0; k < some; ++k) sum += double(weights[i + k]) * double(logs[k]);
        }
        n = 0;
    }
};

// e = exp(x - top), top the largest of x; returns the sum of e.
template <typename T> struct Exponentials {
    T top, sum;
};
template <typename T> THINC_INLINE Exponentials<T> exponentials(T* e, const T* x, std::size_t n) {
    using V = Vec<T>;
    const T lowest = -T(__builtin_inf());
    V top = V::fill(lowest);
    for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA { top = max(top, at.load(x, lowest)); });
    const T largest = reduce_max(top);
    const V shift = V::fill(largest);
    const T sum = sum_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
        const V v = exp_negative(at.load(x) - shift);
        at.store(e, v);
        return v;
    });
    return {largest, sum};
}

// Against labels. Per row with code c, targets t = gold in column c and other elsewhere, and weight w = weights[c]
// (null: 1; other must be 0 where there are weights):
//     c >= 0    d = w (p - t), loss = -w sum(t log p)
//     c == -1   d = 0, loss = 0 (missing)
//     c <= -2   k = -2 - c: d = w p in column k and 0 elsewhere, loss = -w log(1 - p) of column k
// Codes must fit. Returns guesses_out_of_range if a probability lies outside [0, 1]; everything is written all the same.
template <typename T>
int log_loss_labels(const LabelledRows* item, const T* weights, int from_logits, double scale_, double* loss) {
    using V = Vec<T>;
    const std::size_t C = item->classes;
    const T scale = T(scale_), gold = T(item->gold), other = T(item->other);
    const T whole = T(item->gold + double(C - 1) * item->other);  // of the targets of a row
    LogSum<T> logs;
    double linear = 0;
    Mask<T> bad = outside_unit(V::fill(0));
    V nothing = V::fill(0);  // 0, or NaN if a guess is
    for (std::size_t row = 0; row < item->rows; ++row) {
        T* d = static_cast<T*>(item->gradient) + row * C;
        const T* x = static_cast<const T*>(item->guesses) + row * C;
        const std::int64_t code = item->codes[row];
        if (!from_logits && code < 0)
            for_each<T>(C, [&](auto at) THINC_INLINE_LAMBDA { bad = bad | outside_unit(at.load(x)); });
        if (code == -1) {
            for (std::size_t i = 0; i < C; ++i) d[i] = 0;
            continue;
        }
        const std::size_t k = static_cast<std::size_t>(code >= 0 ? code : -2 - code);
        const T w = weights ? weights[k] : T(1), factor = w * scale;
        const Exponentials<T> e = from_logits ? exponentials(d, x, C) : Exponentials<T>{0, 1};
        if (code < 0) {
            const T p = from_logits ? d[k] / e.sum : x[k];
            for (std::size_t i = 0; i < C; ++i) d[i] = 0;
            d[k] = p * factor;
            logs.add(1 - p, -w);
            continue;
        }
        const V f = V::fill(factor), o = V::fill(other);
        if (from_logits) {
            const T share = 1 / e.sum;
            const V s = V::fill(share);
            const T mine = d[k];
            for_each<T>(C, [&](auto at) THINC_INLINE_LAMBDA { at.store(d, (at.load(d) * s - o) * f); });
            d[k] = (mine * share - gold) * factor;
            logs.add(e.sum, w * whole);
            linear -= double(w) * double(gold - other) * double(x[k] - e.top);
            if (other != 0) {
                const V top = V::fill(e.top);
                linear -= double(w * other) * double(sum_each<T>(C, [&](auto at) THINC_INLINE_LAMBDA {
                              return at.load(x) - top;
                          }));
            }
        } else {
            for_each<T>(C, [&](auto at) THINC_INLINE_LAMBDA {
                const V v = at.load(x);
                bad = bad | outside_unit(v);
                nothing = fma(v, V::fill(0), nothing);
                at.store(d, (v - o) * f);
            });
            d[k] = (x[k] - gold) * factor;
            logs.add(x[k], -w * (gold - other));
            if (other != 0)
                linear -= double(w * other) * double(sum_each<T>(C, [&](auto at) THINC_INLINE_LAMBDA {
                              return log_above_zero(at.load(x));
                          }));
        }
    }
    logs.flush();
    *loss = (logs.sum + linear + double(reduce_add(nothing))) * scale_;
    return any_lane(bad) ? guesses_out_of_range : 0;
}

// Against a distribution t per row, with w one weight per class (null: 1) and s = sum(w t):
//     d = s p - w t, loss = -sum(w t log p); relative: loss = sum(w t (log t - log p)), the divergence of p from t
// Without weights, s counts as 1 for guesses that are probabilities: d = p - t, whatever t adds up to. A t of 0 adds
// nothing to the loss. Rows where keep (which may be null) is 0 get d = 0 and no loss. Returns LossRange: as above, and
// for truths.
template <typename T>
int log_loss_soft(const SoftRows* item, int from_logits, double scale_, double* loss) {
    using V = Vec<T>;
    const std::size_t C = item->classes;
    const T* weights = static_cast<const T*>(item->weights);
    const bool relative = item->relative;
    const V f = V::fill(T(scale_)), zero = V::fill(0);
    LogSum<T> logs;
    double linear = 0;
    Mask<T> bad_guess = outside_unit(zero), bad_truth = bad_guess;
    for (std::size_t row = 0; row < item->rows; ++row) {
        T* d = static_cast<T*>(item->gradient) + row * C;
        const T* x = static_cast<const T*>(item->guesses) + row * C;
        const T* t = static_cast<const T*>(item->truths) + row * C;
        if (item->keep && !item->keep[row]) {
            for_each<T>(C, [&](auto at) THINC_INLINE_LAMBDA {
                if (!from_logits) bad_guess = bad_guess | outside_unit(at.load(x));
                bad_truth = bad_truth | outside_unit(at.load(t));
                at.store(d, zero);
            });
            continue;
        }
        const auto target = [&](auto at) THINC_INLINE_LAMBDA {
            return weights ? at.load(t) * at.load(weights) : at.load(t);
        };
        V all = zero, dot = zero;
        const Exponentials<T> e = from_logits ? exponentials(d, x, C) : Exponentials<T>{0, 1};
        const V top = V::fill(e.top);
        for_each<T>(C, [&](auto at) THINC_INLINE_LAMBDA {
            const V v = at.load(x), truth = at.load(t), wt = target(at);
            bad_truth = bad_truth | outside_unit(truth);
            all = all + wt;
            V log_p = v - top;
            if (!from_logits) {
                bad_guess = bad_guess | outside_unit(v);
                log_p = log_above_zero(v);
                if (!weights) at.store(d, (v - truth) * f);
            }
            if (relative) log_p = log_p - log_above_zero(truth);
            dot = dot + select(eq(wt, zero), from_logits ? zero : log_p * zero, wt * log_p);
        });
        const T s = reduce_add(all);
        linear -= double(reduce_add(dot));
        if (from_logits || weights) {
            const T* p = from_logits ? d : x;
            const V share = V::fill(s / e.sum);
            for_each<T>(C, [&](auto at) THINC_INLINE_LAMBDA {
                at.store(d, (at.load(p) * share - target(at)) * f);
            });
        }
        if (from_logits) logs.add(e.sum, s);
    }
    logs.flush();
    *loss = (logs.sum + linear) * scale_;
    return (any_lane(bad_guess) ? guesses_out_of_range : 0) | (any_lane(bad_truth) ? truths_out_of_range : 0);
}

}  // namespace thinc::THINC_ISA
