// Elementwise activations, forward and backward. float, double.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/vec.hh"

namespace thinc::THINC_ISA {

// relu: y = x where x > 0, else +0. Exact. NaN passes through. y == x allowed; no other overlap.
template <typename T> void relu(T* y, const T* x, std::size_t n) {
    using V = Vec<T>;
    std::size_t i = 0;
    for (; i + V::lanes <= n; i += V::lanes) {
        const V v = V::load(x + i);
        select(le(v, V::fill(0)), V::fill(0), v).store(y + i);
    }
    for (; i < n; ++i) y[i] = x[i] <= 0 ? T(0) : x[i];
}

// dx = dy where y > 0, else 0; y is relu's output. dx == dy allowed.
template <typename T> void backprop_relu(T* dx, const T* dy, const T* y, std::size_t n) {
    using V = Vec<T>;
    std::size_t i = 0;
    for (; i + V::lanes <= n; i += V::lanes)
        select(gt(V::load(y + i), V::fill(0)), V::load(dy + i), V::fill(0)).store(dx + i);
    for (; i < n; ++i) dx[i] = y[i] > 0 ? dy[i] : T(0);
}

template <typename T> constexpr Activations<T> activation_kernels() {
    return {relu<T>, backprop_relu<T>};
}

}  // namespace thinc::THINC_ISA
