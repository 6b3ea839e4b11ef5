// Losses of single numbers and of pairs: gradient and scalar in one pass, both multiplied by scale. float, double. A NaN
// gives a NaN in its place of the gradient, and in the loss.
#pragma once
#include "thinc/kernels/cross_entropy.hh"

namespace thinc::THINC_ISA {

constexpr std::size_t summed_block = 1024;  // values whose losses are summed in lanes of T

// Binary cross-entropy, and the focal loss (Lin et al. 2017), of p against the truth t in [0, 1]:
//     loss = -(a t (1-p)^focus log p + b (1-t) p^focus log(1-p)),  a = positive * weights[column], b = negative
// With from_logits, x is the guess, p = 1 / (1 + exp(-x)), x limited to +-1e30, and d = dloss/dx. Else p is the guess and
// d = dloss/dp, where logarithms are at least -100 and the denominator p (1 - p) at least 1e-12. weights (columns,) may be
// null. Elements whose truth is `missing` get neither gradient nor loss. Returns LossRange: of guesses that are
// probabilities, and of truths that are not missing.
template <typename T>
int binary_loss(T* gradient, const T* guesses, const T* truths, const T* weights, std::size_t rows,
                std::size_t columns, const BinaryLoss* settings, double scale_, double* loss) {
    using V = Vec<T>;
    const bool from_logits = settings->from_logits, focal = settings->focus != 0;
    const V f = V::fill(T(scale_)), zero = V::fill(0), one = V::fill(1);
    const V positive = V::fill(T(settings->positive)), negative = V::fill(T(settings->negative));
    const V focus = V::fill(T(settings->focus)), missing = V::fill(T(settings->missing));
    double total = 0;
    Mask<T> bad_guess = outside_unit(zero), bad_truth = bad_guess;
    // Without weights of columns the rows make one flat array.
    const std::size_t width = weights ? columns : rows * columns, lines = weights ? rows : 1;
    for (std::size_t line = 0; line < lines; ++line) {
        for (std::size_t start = 0; start < width; start += summed_block) {
            const std::size_t at_start = line * width + start;
            T* d = gradient + at_start;
            const T *guess = guesses + at_start, *truth = truths + at_start;
            const T* weight = weights ? weights + start : nullptr;
            V sum = zero;
            for_each<T>(smaller_of(width - start, summed_block), [&](auto at) THINC_INLINE_LAMBDA {
                const V t = at.load(truth);
                const Mask<T> left_out = eq(t, missing);
                bad_truth = bad_truth | (outside_unit(t) & ~left_out);
                V x = at.load(guess), p, q, log_p, log_q;
                if (from_logits) {
                    x = clamp(x, T(-1e30), T(1e30));
                    const V e = exp_negative(-abs(x)), large = one / (one + e), small = e * large, l = log1p(e);
                    const Mask<T> above = ge(x, zero);
                    p = select(above, large, small);
                    q = select(above, small, large);
                    log_p = min(zero, x) - l;
                    log_q = -max(zero, x) - l;
                } else {
                    bad_guess = bad_guess | outside_unit(x);
                    p = x;
                    q = one - x;
                    log_p = max(V::fill(-100), log(p));
                    log_q = max(V::fill(-100), log1p(-p));
                }
                V a = positive * t, b = negative * (one - t);
                if (weights) a = a * at.load(weight);
                V slope_a = -q, slope_b = p;
                if (focal) {
                    const V easy_a = exp_negative(focus * log_q), easy_b = exp_negative(focus * log_p);
                    slope_a = fma(focus * p, log_p, slope_a);
                    slope_b = slope_b - focus * q * log_q;
                    a = a * easy_a;
                    b = b * easy_b;
                }
                V slope = a * slope_a + b * slope_b;
                if (!from_logits) slope = slope / max(V::fill(T(1e-12)), p * q);
                at.store(d, select(left_out, zero, slope * f));
                sum = sum - at.keep_or(select(left_out, zero, a * log_p + b * log_q), T(0));
            });
            total += double(reduce_add(sum));
        }
    }
    *loss = total * scale_;
    return (any_lane(bad_guess) ? guesses_out_of_range : 0) | (any_lane(bad_truth) ? truths_out_of_range : 0);
}

// Huber (1964): with r = guess - truth, d = r limited to +-delta, and loss = r^2 / 2 where |r| <= delta, else
// delta (|r| - delta / 2). Returns the loss.
template <typename T>
double huber_loss(T* gradient, const T* guesses, const T* truths, std::size_t n, double delta, double scale) {
    using V = Vec<T>;
    const V f = V::fill(T(scale)), half = V::fill(T(0.5));
    double total = 0;
    for (std::size_t start = 0; start < n; start += summed_block) {
        T* d = gradient + start;
        const T *x = guesses + start, *t = truths + start;
        V sum = V::fill(0);
        for_each<T>(smaller_of(n - start, summed_block), [&](auto at) THINC_INLINE_LAMBDA {
            const V r = at.load(x) - at.load(t), slope = clamp(r, T(-delta), T(delta));
            at.store(d, slope * f);
            sum = sum + slope * (r - half * slope);
        });
        total += double(reduce_add(sum));
    }
    return total * scale;
}

// n pairs of scores (n, 2) and truths (n,): 1 where the first should be higher, -1 where the second should, 0 where
// neither (no loss). loss = max(0, margin - truth (first - second)). Returns truths_out_of_range if a truth is another
// number.
template <typename T>
int margin_ranking(T* gradient, const T* guesses, const T* truths, std::size_t n, double margin, double scale_,
                   double* loss) {
    const T m = T(margin), scale = T(scale_);
    double total = 0;
    bool bad = false;
    for (std::size_t i = 0; i < n; ++i) {
        const T t = truths[i], lacks = m - t * (guesses[2 * i] - guesses[2 * i + 1]);
        bad |= t != 0 && t != 1 && t != -1 && t == t;
        const bool counts = t != 0 && !(lacks <= 0);  // a NaN does
        const T slope = counts ? (lacks == lacks ? t * scale : lacks) : T(0);
        gradient[2 * i] = -slope;
        gradient[2 * i + 1] = slope;
        total += counts ? double(lacks) : 0.0;
    }
    *loss = total * scale_;
    return bad ? truths_out_of_range : 0;
}

template <typename T> constexpr Losses<T> loss_kernels() {
    return {cross_entropy_labels<T>, cross_entropy_soft<T>, squared_error<T>, cosine<T>,        log_loss_labels<T>,
            log_loss_soft<T>,        binary_loss<T>,        huber_loss<T>,    margin_ranking<T>, logloss<T>};
}

}  // namespace thinc::THINC_ISA
