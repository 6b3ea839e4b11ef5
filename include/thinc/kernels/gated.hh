// Gated units: GLU (Dauphin et al., 2017, https://arxiv.org/abs/1612.08083), SwiGLU (Shazeer, 2020,
// https://arxiv.org/abs/2002.05202), and the GRU between its matrix products (Cho et al., 2014,
// https://arxiv.org/abs/1406.1078, as in cuDNN and PyTorch: the reset gate is applied to the product). float, double.
// NaN passes through.
#pragma once
#include "thinc/kernels/activations.hh"
#include "thinc/kernels/lstm.hh"

namespace thinc::THINC_ISA {

// f(gate), and its slope from the gate and f(gate).
template <typename T> struct LogisticGate {
    static THINC_INLINE Vec<T> value(Vec<T> g) { return Sigmoid<T>(nullptr).forward(g); }
    static THINC_INLINE Vec<T> slope(Vec<T>, Vec<T> f) { return Sigmoid<T>(nullptr).slope(f); }
};
template <typename T> struct SwishGate {
    static THINC_INLINE Vec<T> value(Vec<T> g) { return Swish<T>(nullptr).forward(g); }
    static THINC_INLINE Vec<T> slope(Vec<T> g, Vec<T>) { return Swish<T>(nullptr).slope(g); }
};

// y (rows, n) = value * f(gate) of rows a (rows, 2 n), the values before the gates. No overlap.
template <template <typename> typename F, typename T>
void gated(T* y, const T* a, std::size_t rows, std::size_t n) {
    for (std::size_t r = 0; r < rows; ++r, a += 2 * n, y += n)
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA { at.store(y, at.load(a) * F<T>::value(at.load(a + n))); });
}

// da (rows, 2 n): dy f(gate), and dy value f'(gate). da == a allowed.
template <template <typename> typename F, typename T>
void backprop_gated(T* da, const T* dy, const T* a, std::size_t rows, std::size_t n) {
    for (std::size_t r = 0; r < rows; ++r, a += 2 * n, da += 2 * n, dy += n)
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
            const Vec<T> value = at.load(a), gate = at.load(a + n), d = at.load(dy), f = F<T>::value(gate);
            at.store(da, d * f);
            at.store(da + n, d * value * F<T>::slope(gate, f));
        });
}

// r, z = logistic(a + u); c = tanh(a_c + r (u_c + b)); y = c + z (h - c). A row of `a` and of `u` has nO of r, z and c,
// one kind after the other; a row of `gates` has r, z, c and u_c + b. No array overlaps another.
template <typename T> void gru_step(const GRUStep<T>* step) {
    using V = Vec<T>;
    const GRUStep<T>& s = *step;
    const std::size_t n = s.nO;
    for (std::size_t row = 0; row < s.rows; ++row) {
        const T *const a = s.a + 3 * n * row, *const u = s.u + 3 * n * row, *const h = s.h + n * row;
        T *const y = s.y + n * row, *const gates = s.gates + (s.gates ? 4 * n * row : 0);
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
            const V r = lstm_gate(at.load(a) + at.load(u)), z = lstm_gate(at.load(a + n) + at.load(u + n));
            const V inner = at.load(u + 2 * n) + at.load(s.b), c = tanh(fma(r, inner, at.load(a + 2 * n)));
            at.store(y, fma(z, at.load(h) - c, c));
            if (s.gates) {
                at.store(gates, r);
                at.store(gates + n, z);
                at.store(gates + 2 * n, c);
                at.store(gates + 3 * n, inner);
            }
        });
    }
}

// With d = dy + dh: da_c = d (1 - z) (1 - c^2), da_z = d (h - c) z (1 - z), da_r = da_c inner r (1 - r); du is da but for
// du_c = da_c r; dh becomes d z. No array overlaps another.
template <typename T> void backprop_gru_step(const GRUBackpropStep<T>* step) {
    using V = Vec<T>;
    const GRUBackpropStep<T>& s = *step;
    const std::size_t n = s.nO;
    const V one = V::fill(1);
    for (std::size_t row = 0; row < s.rows; ++row) {
        const T *const dy = s.dy + n * row, *const h = s.h + n * row, *const gates = s.gates + 4 * n * row;
        T *const dh = s.dh + n * row, *const da = s.da + 3 * n * row, *const du = s.du + 3 * n * row;
        for_each<T>(n, [&](auto at) THINC_INLINE_LAMBDA {
            const V r = at.load(gates), z = at.load(gates + n), c = at.load(gates + 2 * n);
            const V d = at.load(dy) + at.load(dh), dc = d * (one - z) * (one - c * c);
            const V dz = d * (at.load(h) - c) * z * (one - z), dr = dc * at.load(gates + 3 * n) * r * (one - r);
            at.store(da, dr);
            at.store(du, dr);
            at.store(da + n, dz);
            at.store(du + n, dz);
            at.store(da + 2 * n, dc);
            at.store(du + 2 * n, dc * r);
            at.store(dh, d * z);
        });
    }
}

template <typename T> constexpr GatedUnits<T> gated_kernels() {
    return {gated<LogisticGate, T>,       backprop_gated<LogisticGate, T>, gated<SwishGate, T>,
            backprop_gated<SwishGate, T>, gru_step<T>,                     backprop_gru_step<T>};
}

}  // namespace thinc::THINC_ISA
