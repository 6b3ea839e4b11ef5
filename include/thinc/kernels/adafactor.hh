// Adafactor for matrices (n, m): the second moment of g is that of its rows, R, times that of its columns, C, by the
// mean of R. float, double. Two passes over the gradient and the weights:
//     factored_rows, factored_columns      R and C, and what the squares of u = g / sqrt(R C / mean) add up to
//     factored_step                        w, along u
// or three where that quotient must be kept above a floor: factored_direction finds u, and SGD does the step.
// `factor` is that of the gradient; NaN and infinities pass through. No overlap.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/loop.hh"

namespace thinc::THINC_ISA {

constexpr std::size_t factored_piece = 4096;  // as many squares of a row are added up in T, all in double

// N rows of factored_rows. What they read is in the nearest cache when it is read again.
template <typename T, int N>
THINC_INLINE void add_factored_rows(const T* g, T* R, T* squares, T* ratios, std::size_t width, Vec<T> factor,
                                    double share, FactoredSums& found) {
    using V = Vec<T>;
    double totals[N] = {};
    for (std::size_t start = 0; start < width; start += factored_piece) {
        const std::size_t rest = width - start;
        V sums[N];
        for (int r = 0; r < N; ++r) sums[r] = V::fill(0);
        for_each<T>(rest < factored_piece ? rest : factored_piece, [&](auto at) THINC_INLINE_LAMBDA {
            for (int r = 0; r < N; ++r) {
                const V x = at.load(g + r * width + start) * factor;
                sums[r] = fma(x, x, sums[r]);
            }
        });
        for (int r = 0; r < N; ++r) totals[r] += double(reduce_add(sums[r]));
    }
    V inverse[N];
    for (int r = 0; r < N; ++r) {
        const double before = double(R[r]);
        R[r] = T(before + share * (totals[r] / double(width) - before));
        const double moment = double(R[r]);
        found.sum += moment;
        if (moment < found.least) found.least = moment;
        inverse[r] = V::fill(T(1) / R[r]);
    }
    for_each<T>(width, [&](auto at) THINC_INLINE_LAMBDA {
        V square = at.load(squares), ratio = at.load(ratios);
        for (int r = 0; r < N; ++r) {
            const V x = at.load(g + r * width) * factor, y = x * x;
            square = square + y;
            ratio = fma(y, inverse[r], ratio);
        }
        at.store(squares, square);
        at.store(ratios, ratio);
    });
}

// R += share * (mean of g^2 over columns - R); squares, ratios (width,) = sums over rows of g^2 and of g^2 / R.
template <typename T>
FactoredSums factored_rows(const T* g, T* R, T* squares, T* ratios, std::size_t rows, std::size_t width, double factor,
                           double share) {
    const Vec<T> scale = Vec<T>::fill(T(factor)), zero = Vec<T>::fill(0);
    for_each<T>(width, [&](auto at) THINC_INLINE_LAMBDA {
        at.store(squares, zero);
        at.store(ratios, zero);
    });
    FactoredSums found = {0, __builtin_inf()};
    for (; rows >= 4; rows -= 4, g += 4 * width, R += 4)
        add_factored_rows<T, 4>(g, R, squares, ratios, width, scale, share, found);
    if (rows == 3) add_factored_rows<T, 3>(g, R, squares, ratios, width, scale, share, found);
    else if (rows == 2) add_factored_rows<T, 2>(g, R, squares, ratios, width, scale, share, found);
    else if (rows == 1) add_factored_rows<T, 1>(g, R, squares, ratios, width, scale, share, found);
    return found;
}

// C += share * (squares / rows - C), and squares = 1 / sqrt(C). Gives the sum of ratios / C, and the smallest C.
template <typename T>
FactoredSums factored_columns(T* C, T* squares, const T* ratios, std::size_t rows, std::size_t width, double share) {
    using V = Vec<T>;
    const V of = V::fill(T(share)), all = V::fill(T(double(rows))), most = V::fill(T(__builtin_inf()));
    V least = most;
    const T sum = sum_each<T>(width, [&](auto at) THINC_INLINE_LAMBDA {
        const V before = at.load(C), moment = fma(of, at.load(squares) / all - before, before);
        at.store(C, moment);
        at.store(squares, V::fill(1) / sqrt(moment));
        least = min(least, at.keep_or(moment, T(__builtin_inf())));
        return at.load(ratios) / moment;
    });
    return {double(sum), -double(reduce_max(-least))};
}

// g = factor g / sqrt(max(R / mean * C, floor)).
template <typename T>
void factored_direction(T* g, const T* R, const T* C, std::size_t rows, std::size_t width, double factor, double mean,
                        double floor) {
    using V = Vec<T>;
    const V scale = V::fill(T(factor)), smallest = V::fill(T(floor));
    for (std::size_t i = 0; i < rows; ++i, g += width) {
        const V share = V::fill(T(double(R[i]) / mean));
        for_each<T>(width, [&](auto at) THINC_INLINE_LAMBDA {
            at.store(g, at.load(g) * scale / sqrt(max(smallest, share * at.load(C))));
        });
    }
}

// w = keep w - step / sqrt(R) c g, and g = 0. From the last row to the first one: where others ended.
template <typename T>
void factored_step(T* w, T* g, const T* R, const T* c, std::size_t rows, std::size_t width, double step, double keep) {
    using V = Vec<T>;
    const T kept = T(keep);
    for (std::size_t i = rows; i-- > 0;) {
        T *to = w + i * width, *from = g + i * width;
        const T length = T(-step / __builtin_sqrt(double(R[i])));
        if (2 * width <= V::lanes) {
            // One by one: what loads a row would wait for the store to part of a vector before (3x3 matrices: 1.26x)
            for (std::size_t j = 0; j < width; ++j) {
                to[j] = from[j] * length * c[j] + to[j] * kept;
                from[j] = 0;
            }
            continue;
        }
        const V lengths = V::fill(length), all_kept = V::fill(kept), zero = V::fill(0);
        for_each<T>(width, [&](auto at) THINC_INLINE_LAMBDA {
            at.store(to, fma(at.load(from) * lengths, at.load(c), at.load(to) * all_kept));
            at.store(from, zero);
        });
    }
}

}  // namespace thinc::THINC_ISA
