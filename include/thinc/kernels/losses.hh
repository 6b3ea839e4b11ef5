// Losses: gradient and scalar together. float, double. Sums are returned in float64.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/loop.hh"
#include "thinc/simd/math.hh"
#include "thinc/simd/wide.hh"

namespace thinc::THINC_ISA {

template <typename T> THINC_INLINE T smaller_of(T a, T b) { return a < b ? a : b; }

// Whether any lane is set.
template <typename T> THINC_INLINE bool any_lane(Mask<T> m) {
    typename IntOf<T>::type x[Vec<T>::lanes];
    __builtin_memcpy(x, &m.m, sizeof(x));
    typename IntOf<T>::type all = 0;
    for (std::size_t i = 0; i < Vec<T>::lanes; ++i) all |= x[i];
    return all != 0;
}

template <typename T> THINC_INLINE bool outside_unit(T x) { return x < 0 || x > 1; }
template <typename T> THINC_INLINE Mask<T> outside_unit(Vec<T> x) {
    return lt(x, Vec<T>::fill(0)) | gt(x, Vec<T>::fill(1));
}

// d = (x - off) * scale; whether any x lies outside [0, 1] (a NaN does not).
template <typename T> THINC_INLINE bool shift_and_scale(T* d, const T* x, T off, T scale, std::size_t n) {
    using V = Vec<T>;
    const V o = V::fill(off), f = V::fill(scale);
    Mask<T> bad = outside_unit(V::fill(0));
    std::size_t i = 0;
    for (; i + V::lanes <= n; i += V::lanes) {
        const V v = V::load(x + i);
        bad = bad | outside_unit(v);
        ((v - o) * f).store(d + i);
    }
    bool found = any_lane(bad);
    for (; i < n; ++i) {
        found |= outside_unit(x[i]);
        d[i] = (x[i] - off) * scale;
    }
    return found;
}

template <typename T> THINC_INLINE bool any_outside_unit(const T* x, std::size_t n) {
    using V = Vec<T>;
    Mask<T> bad = outside_unit(V::fill(0));
    std::size_t i = 0;
    for (; i + V::lanes <= n; i += V::lanes) bad = bad | outside_unit(V::load(x + i));
    bool found = any_lane(bad);
    for (; i < n; ++i) found |= outside_unit(x[i]);
    return found;
}

// sum of d^2 over one block: lanes of T, so n should stay in the low thousands.
template <typename T> THINC_INLINE double sum_squares_block(const T* d, std::size_t n) {
    using V = Vec<T>;
    V a = V::fill(0), b = a, c = a, e = a;
    std::size_t i = 0;
    for (; i + 4 * V::lanes <= n; i += 4 * V::lanes) {
        const V p = V::load(d + i), q = V::load(d + i + V::lanes);
        const V r = V::load(d + i + 2 * V::lanes), s = V::load(d + i + 3 * V::lanes);
        a = fma(p, p, a);
        b = fma(q, q, b);
        c = fma(r, r, c);
        e = fma(s, s, e);
    }
    double sum = reduce_add((a + b) + (c + e));
    for (; i < n; ++i) sum += double(d[i]) * double(d[i]);
    return sum;
}

constexpr std::size_t loss_block = 2048;  // values: in and out stay in the first-level cache

// Cross-entropy against labels. Per item, code c of a row with guesses x:
//     c >= 0    d = (x - t) * scale, t = gold in column c, other elsewhere
//     c == -1   d = 0 (missing)
//     c <= -2   d = x * scale in column -2 - c, 0 elsewhere (known not to be that class)
// Codes must fit (c < classes, -2 - c < classes). *loss = sum of d^2 over all items. Returns guesses_out_of_range if
// any guess of any row lies outside [0, 1], else 0; the gradients are written in either case. NaN passes through.
template <typename T>
int cross_entropy_labels(const LabelledRows* items, std::size_t count, double scale_, double* loss) {
    const T scale = T(scale_);
    double total = 0;
    bool bad = false;
    for (std::size_t k = 0; k < count; ++k) {
        const LabelledRows& item = items[k];
        const T gold = T(item.gold), other = T(item.other);
        const std::size_t rows = item.rows, C = item.classes;
        const std::int64_t* codes = item.codes;
        for (std::size_t row = 0; row < rows;) {
            T* d = static_cast<T*>(item.gradient) + row * C;
            const T* x = static_cast<const T*>(item.guesses) + row * C;
            if (codes[row] < 0) {
                bad |= any_outside_unit(x, C);
                for (std::size_t i = 0; i < C; ++i) d[i] = 0;
                if (codes[row] <= -2) {
                    const std::size_t column = static_cast<std::size_t>(-2 - codes[row]);
                    d[column] = x[column] * scale;
                    total += double(d[column]) * double(d[column]);
                }
                ++row;
                continue;
            }
            // A run of labelled rows is one flat array: shift it all, then mend the labelled columns.
            std::size_t end = row + 1;
            while (end < rows && codes[end] >= 0) ++end;
            const std::size_t n = (end - row) * C;
            std::size_t next = row, at = static_cast<std::size_t>(codes[row]);
            for (std::size_t start = 0; start < n; start += loss_block) {
                const std::size_t stop = smaller_of(start + loss_block, n);
                bad |= shift_and_scale(d + start, x + start, other, scale, stop - start);
                while (at < stop) {
                    d[at] = (x[at] - gold) * scale;
                    if (++next == end) at = n;
                    else at = (next - row) * C + static_cast<std::size_t>(codes[next]);
                }
                total += sum_squares_block(d + start, stop - start);
            }
            row = end;
        }
    }
    *loss = total;
    return bad ? guesses_out_of_range : 0;
}

// Cross-entropy against a distribution per row: d = (x - t) * scale; 0 in rows where keep (which may be null) is 0.
// Range checks as above, for guesses and for truths, rows that are not kept included.
template <typename T>
int cross_entropy_soft(T* gradient, const T* guesses, const T* truths, const unsigned char* keep, std::size_t rows,
                       std::size_t classes, double scale_, double* loss) {
    using V = Vec<T>;
    const T scale = T(scale_);
    const V f = V::fill(scale);
    double total = 0;
    Mask<T> bad_guess = outside_unit(V::fill(0)), bad_truth = bad_guess;
    bool guess_found = false, truth_found = false;
    // Without a mask the rows make one flat array.
    const std::size_t width = keep ? classes : rows * classes, lines = keep ? rows : 1;
    for (std::size_t row = 0; row < lines; ++row) {
        const bool kept = !keep || keep[row];
        for (std::size_t start = row * width; start < (row + 1) * width; start += loss_block) {
            const std::size_t stop = smaller_of(start + loss_block, (row + 1) * width);
            std::size_t i = start;
            for (; i + V::lanes <= stop; i += V::lanes) {
                const V x = V::load(guesses + i), t = V::load(truths + i);
                bad_guess = bad_guess | outside_unit(x);
                bad_truth = bad_truth | outside_unit(t);
                ((x - t) * f).store(gradient + i);
            }
            for (; i < stop; ++i) {
                guess_found |= outside_unit(guesses[i]);
                truth_found |= outside_unit(truths[i]);
                gradient[i] = (guesses[i] - truths[i]) * scale;
            }
            if (kept) total += sum_squares_block(gradient + start, stop - start);
            else
                for (std::size_t k = start; k < stop; ++k) gradient[k] = 0;
        }
    }
    *loss = total;
    return (guess_found || any_lane(bad_guess) ? guesses_out_of_range : 0) |
           (truth_found || any_lane(bad_truth) ? truths_out_of_range : 0);
}

// gradient = (guesses - truths) * scale; returns its sum of squares.
template <typename T>
double squared_error(T* gradient, const T* guesses, const T* truths, std::size_t n, double scale_) {
    const T scale = T(scale_);
    double total = 0;
    for (std::size_t start = 0; start < n; start += loss_block) {
        const std::size_t stop = smaller_of(start + loss_block, n);
        for (std::size_t i = start; i < stop; ++i) gradient[i] = (guesses[i] - truths[i]) * scale;
        total += sum_squares(gradient + start, stop - start);
    }
    return total;
}

// Per row, with a = guess + 1e-8 and b = truth + 1e-8 in every column: cos = a.b / (|a| |b|);
//     gradient   = -(b / (|a| |b|) - cos a / |a|^2) * scale
//     similarity = cos
// Either output may be null. Returns scale * sum |cos - 1|. With ignore_zeros, rows whose truth is all zero get a
// zero gradient and are left out of the sum. Products are summed in float64.
template <typename T>
double cosine(T* gradient, T* similarity, const T* guesses, const T* truths, std::size_t rows, std::size_t width,
              double scale, int ignore_zeros) {
    using D = Vec<double>;
    constexpr double shift = 1e-8;
    const D s = D::fill(shift);
    double total = 0;
    for (std::size_t row = 0; row < rows; ++row) {
        const T *x = guesses + row * width, *y = truths + row * width;
        D vab = D::fill(0), vaa = vab, vbb = vab;
        std::size_t i = 0;
        for (; i + wide_lanes <= width; i += wide_lanes) {
            const D a = load_wide(x + i) + s, b = load_wide(y + i) + s;
            vab = fma(a, b, vab);
            vaa = fma(a, a, vaa);
            vbb = fma(b, b, vbb);
        }
        double ab = reduce_add(vab), aa = reduce_add(vaa), bb = reduce_add(vbb);
        for (; i < width; ++i) {
            const double a = double(x[i]) + shift, b = double(y[i]) + shift;
            ab += a * b;
            aa += a * a;
            bb += b * b;
        }
        bool zero = ignore_zeros != 0;
        for (std::size_t k = 0; zero && k < width; ++k) zero = y[k] == 0;
        // One root of the product: equal rows then give cos = 1 exactly. Two where the product leaves the range.
        double norms = __builtin_sqrt(aa * bb);
        if (!(norms > 0 && norms < 1e300)) norms = __builtin_sqrt(aa) * __builtin_sqrt(bb);
        const double cos = ab / norms;
        if (similarity) similarity[row] = T(cos);
        if (!zero) total += cos < 1 ? 1 - cos : cos - 1;
        if (!gradient) continue;
        T* d = gradient + row * width;
        const T factor = T(-scale / norms), along = T(ab / aa), e = T(shift);  // equal rows: along = 1, d = 0
        if (zero)
            for (std::size_t k = 0; k < width; ++k) d[k] = 0;
        else
            for (std::size_t k = 0; k < width; ++k) d[k] = factor * ((y[k] + e) - along * (x[k] + e));
    }
    return total * scale;
}

// Binary cross-entropy of each element: -(t log(p + 1e-8) + (1 - t) log((1 - p) + 1e-8)), in T. `out` may be one of the
// inputs. Each logarithm to 0.9 ULP; NaN where its argument is negative.
template <typename T> void logloss(T* out, const T* truths, const T* guesses, std::size_t n, const double*) {
    using V = Vec<T>;
    const V shift = V::fill(T(1e-8)), one = V::fill(1);
    for_each_aligned(out, n, [&](auto at) THINC_INLINE_LAMBDA {
        const V t = at.load(truths), p = at.load(guesses);
        at.store(out, -fma(t, log(p + shift), (one - t) * log((one - p) + shift)));
    });
}

}  // namespace thinc::THINC_ISA
