// A dense layer with maxout, Y[b, o] = max_p (sum_i X[b, i] W[o, p, i] + bias[o, p]), and which piece it was: of equal
// ones the first, of several NaNs the first, as in maxout. float, double. The sums are those of gemm. P <= 256.
// A few rows of sums at a time are in the first-level cache and are done with before the next ones come.
// Measured with AVX-512 (Xeon, Sapphire Rapids), B 1310, nO 96, P 3, nI 288, float: 1.27 ms; gemm and maxout 1.44 ms.
#pragma once
#include "thinc/kernels/maxout.hh"
#include "thinc/kernels/maxout_gradient.hh"

namespace thinc::THINC_ISA {

template <typename T> GemmCall<T> maxout_product(const MaxoutDense<T>& d, T* sums) {
    const gemm_index N = d.nO * d.P;
    return {d.B, N, d.nI, d.X, d.sX, 1, d.W, 1, d.nI, sums, N, T(1), T(0), d.b};
}

// Rows of sums are put on top of each other, and taken before they are overwritten.
template <typename T> struct MaxoutRows {
    const MaxoutDense<T>& d;
    const T* sums;
    gemm_index place(gemm_index) const { return 0; }
    void take(gemm_index i, gemm_index rows) const {
        maxout(d.Y + i * d.nO, d.which + i * d.nO, sums, static_cast<std::size_t>(rows * d.nO),
               static_cast<std::size_t>(d.P));
    }
};

// Whether rows of sums are complete one block after the other.
template <typename T> bool maxout_by_blocks(const GemmCall<T>& g, const GemmPlan& plan) {
    return gemm_way(g) == GemmWay::strips && plan.kc >= g.K && plan.nc >= g.N;
}

// Rows of which all sums are computed at once where they do not come in blocks.
template <typename T> gemm_index maxout_rows_at_once(const MaxoutDense<T>& d) {
    const gemm_index rows = (gemm_index(1) << 20) / (d.nO * d.P);
    return at_most(d.B, rows < 256 ? 256 : rows);
}

template <typename T> std::size_t maxout_dense_workspace(const MaxoutDense<T>* call) {
    MaxoutDense<T> d = *call;
    GemmCall<T> g = maxout_product<T>(d, nullptr);
    const GemmPlan plan = plan_strips(g, strip_tiles(g), ~std::size_t(0));
    if (maxout_by_blocks(g, plan)) return static_cast<std::size_t>(plan.work + gemm_max_rows * g.N);
    g.M = maxout_rows_at_once(d);
    return gemm_workspace(&g) + static_cast<std::size_t>(g.M * g.N);
}

template <typename T> void maxout_dense(const MaxoutDense<T>* call, T* work, std::size_t size) {
    MaxoutDense<T> d = *call;
    GemmCall<T> g = maxout_product(d, work);
    if (maxout_by_blocks(g, plan_strips(g, strip_tiles(g), ~std::size_t(0)))) {
        const gemm_index used = gemm_max_rows * g.N;
        GemmBlocks<T, MaxoutRows<T>>(g, strip_tiles(g), work + used, size - used, MaxoutRows<T>{d, work}).run();
        return;
    }
    const gemm_index step = maxout_rows_at_once(d);
    for (gemm_index i = 0; i < d.B; i += step) {
        g.M = at_most(d.B - i, step), g.A = d.X + i * d.sX;
        gemm(&g, work + step * g.N, size - step * g.N);
        MaxoutRows<T>{d, work}.take(i, g.M);
    }
}

template <typename T> constexpr MaxoutDenses<T> maxout_dense_kernels() {
    return {maxout_dense_workspace<T>, maxout_dense<T>, maxout_workspace<T>, maxout_gradient<T>};
}

}  // namespace thinc::THINC_ISA
