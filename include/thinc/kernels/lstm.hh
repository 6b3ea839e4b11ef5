// The LSTM between its matrix products (Hochreiter and Schmidhuber, 1997): gates, cell, output. float, double.
// Gates in the order forget, input, output, candidate: a row of `a` or `da` has nO of each, one kind after the other;
// a row of `gates` has the four of each unit side by side. NaN passes through.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/loop.hh"
#include "thinc/simd/math.hh"

namespace thinc::THINC_ISA {

// Shuffles of two vectors, as of one with 2 L lanes. Zip<1> is 0, L, 1, L + 1 ..., Zip<2> the same of pairs of lanes,
// Pick is the inverse: even (Odd = 0) or odd single lanes or pairs.
template <int Pair, int L, bool High> struct Zip {
    static constexpr int at(int i) {
        const int to = i + (High ? L : 0), pair = to / Pair;
        return (pair % 2) * L + pair / 2 * Pair + to % Pair;
    }
};
template <int Pair, int L, bool Odd> struct Pick {
    static constexpr int at(int i) { return (2 * (i / Pair) + (Odd ? 1 : 0)) * Pair + i % Pair; }
};

// f, i, o, g of one vector of units, in memory f0 i0 o0 g0 f1 i1 ...
template <typename T> struct Gates {
    Vec<T> f, i, o, g;

    static THINC_INLINE Gates load(const T* p) {
        constexpr int L = Vec<T>::lanes;
        const Vec<T> a = Vec<T>::load(p), b = Vec<T>::load(p + L), c = Vec<T>::load(p + 2 * L),
                     d = Vec<T>::load(p + 3 * L);
        const Vec<T> fi = shuffle<Pick<2, L, false>>(a, b), og = shuffle<Pick<2, L, true>>(a, b);
        const Vec<T> fi2 = shuffle<Pick<2, L, false>>(c, d), og2 = shuffle<Pick<2, L, true>>(c, d);
        return {shuffle<Pick<1, L, false>>(fi, fi2), shuffle<Pick<1, L, true>>(fi, fi2),
                shuffle<Pick<1, L, false>>(og, og2), shuffle<Pick<1, L, true>>(og, og2)};
    }
    THINC_INLINE void store(T* p) const {
        constexpr int L = Vec<T>::lanes;
        const Vec<T> fi = shuffle<Zip<1, L, false>>(f, i), fi2 = shuffle<Zip<1, L, true>>(f, i);
        const Vec<T> og = shuffle<Zip<1, L, false>>(o, g), og2 = shuffle<Zip<1, L, true>>(o, g);
        shuffle<Zip<2, L, false>>(fi, og).store(p);
        shuffle<Zip<2, L, true>>(fi, og).store(p + L);
        shuffle<Zip<2, L, false>>(fi2, og2).store(p + 2 * L);
        shuffle<Zip<2, L, true>>(fi2, og2).store(p + 3 * L);
    }

    // The units at a position of for_each.
    static THINC_INLINE Gates load_at(Whole<T> at, const T* p) { return load(p + 4 * at.i); }
    static THINC_INLINE Gates load_at(Part<T> at, const T* p) {
        T buffer[4 * Vec<T>::lanes] = {};
        for (std::size_t j = 0; j < 4 * at.n; ++j) buffer[j] = p[4 * at.i + j];
        return load(buffer);
    }
    THINC_INLINE void store_at(Whole<T> at, T* p) const { store(p + 4 * at.i); }
    THINC_INLINE void store_at(Part<T> at, T* p) const {
        T buffer[4 * Vec<T>::lanes];
        store(buffer);
        for (std::size_t j = 0; j < 4 * at.n; ++j) p[4 * at.i + j] = buffer[j];
    }
};

// 1 / (1 + exp(-x)): 2.4 ULP, and never below 1e-38 (double 1e-308).
template <typename T> THINC_INLINE Vec<T> lstm_gate(Vec<T> x) {
    return logistic_moderate(clamp(x, -MathConstants<T>::moderate, MathConstants<T>::moderate));
}

// f, i, o = logistic(a_f), logistic(a_i), logistic(a_o); g = tanh(a_g); c = f c + i g; h = o tanh(c).
// Errors of the elementary functions: 3 ULP for the gates; y gets h, and cells gets c. No array overlaps another.
template <typename T, bool Training> void lstm_step_as(const LSTMStep<T>& s) {
    using V = Vec<T>;
    const std::size_t nO = s.nO;
    for (std::size_t r = 0; r < s.rows; ++r) {
        const T* const a = s.a + 4 * nO * r;
        T *const h = s.h + nO * r, *const c = s.c + nO * r, *const y = s.y + s.y_stride * r;
        [[maybe_unused]] T* const gates = s.gates + (Training ? 4 * nO * r : 0);
        [[maybe_unused]] T* const cells = s.cells + (Training ? nO * r : 0);
        for_each<T>(nO, [&](auto at) THINC_INLINE_LAMBDA {
            const Gates<T> k{lstm_gate(at.load(a)), lstm_gate(at.load(a + nO)), lstm_gate(at.load(a + 2 * nO)),
                             tanh(at.load(a + 3 * nO))};
            const V cell = fma(k.f, at.load(c), k.i * k.g), hidden = k.o * tanh(cell);
            at.store(c, cell);
            at.store(h, hidden);
            at.store(y, hidden);
            if constexpr (Training) {
                at.store(cells, cell);
                k.store_at(at, gates);
            }
        });
    }
}
template <typename T> void lstm_step(const LSTMStep<T>* s) {
    if (s->gates) lstm_step_as<T, true>(*s);
    else lstm_step_as<T, false>(*s);
}

// With t = tanh(c), d = dy + dh and dc, the gradient of c from the step after, plus d o (1 - t^2):
// da_f = dc before f (1 - f), da_i = dc g i (1 - i), da_o = d t o (1 - o), da_g = dc i (1 - g^2); dc becomes dc f.
// No array overlaps another.
template <typename T> void backprop_lstm_step(const LSTMBackpropStep<T>* step) {
    using V = Vec<T>;
    const LSTMBackpropStep<T>& s = *step;
    const std::size_t nO = s.nO;
    const V one = V::fill(1);
    for (std::size_t r = 0; r < s.rows; ++r) {
        const T *const dy = s.dy + s.dy_stride * r, *const dh = s.dh + nO * r, *const gates = s.gates + 4 * nO * r;
        const T *const cells = s.cells + nO * r, *const before = s.before + s.before_stride * r;
        T *const dc = s.dc + nO * r, *const da = s.da + 4 * nO * r;
        for_each<T>(nO, [&](auto at) THINC_INLINE_LAMBDA {
            const Gates<T> k = Gates<T>::load_at(at, gates);
            const V t = tanh(at.load(cells)), d = at.load(dy) + at.load(dh), d_out = d * k.o;
            const V d_cell = at.load(dc) + d_out * (one - t * t), d_in = d_cell * k.i, kept = d_cell * k.f;
            at.store(dc, kept);
            at.store(da, kept * at.load(before) * (one - k.f));
            at.store(da + nO, d_in * k.g * (one - k.i));
            at.store(da + 2 * nO, d_out * t * (one - k.o));
            at.store(da + 3 * nO, d_in * (one - k.g * k.g));
        });
    }
}

template <typename T> constexpr LSTMs<T> lstm_kernels() {
    return {lstm_step<T>, backprop_lstm_step<T>};
}

}  // namespace thinc::THINC_ISA
