// gemm: C = alpha * A B + bias + beta * C for row-major C, A and B with any strides of which one is 1.
// float, double. The products of one element of C are added in the order of k within blocks of k (error bound of a plain
// sum: K * eps * sum |a b|); NaN and infinities propagate as in plain sums. beta == 0 ignores what C held. C overlaps
// no operand. Results depend on shapes and strides, not on addresses.
// After K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/kernels/gemm_dot.hh"
#include "thinc/kernels/gemm_pack.hh"
#include "thinc/kernels/gemm_tile.hh"

namespace thinc::THINC_ISA {

template <typename T> using TileFunction = void (*)(const GemmTile<T>&, const GemmFinish<T>&);

template <typename T> struct TileTable {
    TileFunction<T> rows[gemm_max_rows + 1][5] = {}, columns[gemm_max_rows + 1][5] = {};

    constexpr TileTable() { fill<1>(); }
    template <int R> constexpr void fill() {
        put<R, 1>(), put<R, 2>();
        if constexpr (gemm_max_vectors(R) == 4) put<R, 3>(), put<R, 4>();
        if constexpr (R < gemm_max_rows) fill<R + 1>();
    }
    template <int R, int NV> constexpr void put() {
        rows[R][NV] = gemm_tile<T, R, NV, GemmA::rows>;
        columns[R][NV] = gemm_tile<T, R, NV, GemmA::columns>;
    }
};
template <typename T> constexpr TileTable<T> gemm_tiles;

// The thresholds between the ways to compute a product.
struct GemmPlan {
    gemm_index kc, nc;   // block of B that is kept in the second-level cache
    bool dot, pack_a, pack_b;
    gemm_index vectors;  // of a tile
    gemm_index workspace;
};

#ifndef GEMM_KC
#define GEMM_KC 384
#endif
#ifndef GEMM_NB
#define GEMM_NB (512 * 1024)
#endif

THINC_INLINE gemm_index ceil_div(gemm_index a, gemm_index b) { return (a + b - 1) / b; }

template <typename T> GemmPlan gemm_plan(const GemmCall<T>& g, std::size_t size = ~std::size_t(0)) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    GemmPlan p{};
    const bool transposed = g.csb != 1;
    if (transposed && g.csa == 1 && (g.M <= 4 || g.M * 12 < g.K)) {
        p.dot = true;
        return p;
    }
    const gemm_index blocks = ceil_div(g.M, gemm_max_rows), rows = ceil_div(g.M, blocks);
    p.vectors = gemm_max_vectors(static_cast<int>(rows));
    const gemm_index kmax = GEMM_KC * 4 / gemm_index(sizeof(T));
    p.kc = ceil_div(g.K, ceil_div(g.K, kmax));
    p.kc = (p.kc + 3) & ~gemm_index(3);
    if (p.kc > g.K) p.kc = g.K;
    const gemm_index width = p.vectors * lanes;
    p.nc = GEMM_NB / gemm_index(sizeof(T)) / p.kc / width * width;
    if (p.nc < width) p.nc = width;
    const gemm_index n_blocks = ceil_div(g.N, p.nc);
    p.nc = ceil_div(ceil_div(g.N, n_blocks), width) * width;
    p.pack_b = transposed || blocks > 3;
    p.pack_a = g.csa != 1 ? g.N > 4 * width : (g.rsa * gemm_index(sizeof(T)) % 1024 == 0 && g.N > 2 * width && rows > 6);
    const auto needed = [&] {
        return (p.pack_b ? p.kc * p.nc : 0) + (p.pack_a ? (p.kc + lanes) * (gemm_max_rows + lanes) : 0);
    };
    // With little memory: smaller blocks, the same sums up to rounding.
    while (static_cast<std::size_t>(p.workspace = needed()) > size) {
        if (p.nc > width && p.pack_b) p.nc = ceil_div(p.nc / width, 2) * width;
        else p.kc = ceil_div(p.kc, 2);
    }
    return p;
}

template <typename T>
void gemm_pack_b(T* to, const GemmCall<T>& g, gemm_index k0, gemm_index kc, gemm_index j0, gemm_index nc,
                 gemm_index width) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    for (gemm_index j = 0; j < nc; j += width) {
        const gemm_index n = nc - j < width ? nc - j : width, w = ceil_div(n, lanes) * lanes;
        if (g.csb == 1) pack_rows(to, w, g.B + k0 * g.rsb + j0 + j, g.rsb, n, kc);
        else
            for (gemm_index v = 0; v < n; v += lanes)
                pack_transposed(to + v, w, g.B + k0 * g.rsb + (j0 + j + v) * g.csb, g.csb, n - v, kc);
        to += kc * w;
    }
}

template <typename T> void gemm_blocked(const GemmCall<T>& g, const GemmPlan& plan, T* work) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    const gemm_index width = plan.vectors * lanes, blocks = ceil_div(g.M, gemm_max_rows);
    T* const packed_b = work;
    T* const packed_a = plan.pack_b ? work + plan.kc * plan.nc : work;
    for (gemm_index j0 = 0; j0 < g.N; j0 += plan.nc) {
        const gemm_index nc = g.N - j0 < plan.nc ? g.N - j0 : plan.nc;
        for (gemm_index k0 = 0; k0 < g.K; k0 += plan.kc) {
            const gemm_index kc = g.K - k0 < plan.kc ? g.K - k0 : plan.kc;
            const bool first = k0 == 0, final = k0 + kc == g.K;
            GemmFinish<T> finish{g.alpha, first ? g.beta : T(1), nullptr};
            const T* const bias = final ? g.bias : nullptr;
            if (plan.pack_b) gemm_pack_b(packed_b, g, k0, kc, j0, nc, width);
            for (gemm_index block = 0, i = 0; block < blocks; ++block) {
                const gemm_index rows = ceil_div(g.M - i, blocks - block);
                GemmTile<T> t;
                t.K = kc, t.sc = g.rsc;
                t.A = g.A + i * g.rsa + k0 * g.csa;
                t.sa = g.csa == 1 ? g.rsa : g.csa;
                if (plan.pack_a) {
                    if (g.csa == 1) {
                        t.sa = ceil_div(kc, lanes) * lanes + lanes;
                        pack_rows(packed_a, t.sa, t.A, g.rsa, kc, rows);
                    } else {
                        t.sa = ceil_div(rows, lanes) * lanes;
                        pack_rows(packed_a, t.sa, t.A, g.csa, rows, kc);
                    }
                    t.A = packed_a;
                }
                const auto& tiles = g.csa == 1 ? gemm_tiles<T>.rows[rows] : gemm_tiles<T>.columns[rows];
                const T* panel = packed_b;
                for (gemm_index j = 0; j < nc; j += width) {
                    const gemm_index n = nc - j < width ? nc - j : width, vectors = ceil_div(n, lanes);
                    t.B = plan.pack_b ? panel : g.B + k0 * g.rsb + j0 + j;
                    t.sb = plan.pack_b ? vectors * lanes : g.rsb;
                    t.C = g.C + i * g.rsc + j0 + j;
                    t.last = n - (vectors - 1) * lanes;
                    if (bias) finish.bias = bias + j0 + j;
                    tiles[vectors](t, finish);
                    panel += kc * vectors * lanes;
                }
                i += rows;
            }
        }
    }
}

// How many elements of workspace gemm needs for this call.
template <typename T> std::size_t gemm_workspace(const GemmCall<T>* g) {
    return g->K > 0 && g->M > 0 && g->N > 0 ? static_cast<std::size_t>(gemm_plan(*g).workspace) : 0;
}

template <typename T> void gemm(const GemmCall<T>* call, T* work, std::size_t size) {
    const GemmCall<T>& g = *call;
    if (g.M <= 0 || g.N <= 0) return;
    if (g.K <= 0) {
        for (gemm_index i = 0; i < g.M; ++i)
            for (gemm_index j = 0; j < g.N; ++j) {
                T& c = g.C[i * g.rsc + j];
                c = (g.beta == T(0) ? T(0) : g.beta * c) + (g.bias ? g.bias[j] : T(0));
            }
        return;
    }
    const GemmPlan plan = gemm_plan(g, size);
    if (plan.dot)
        gemm_dot<T>(g.M, g.N, g.K, g.A, g.rsa, g.B, g.csb, g.C, g.rsc, 1, {g.alpha, g.beta, g.bias});
    else gemm_blocked(g, plan, work);
}

// y += alpha * x. x == y allowed; no other overlap.
template <typename T> void axpy(T* y, T alpha, const T* x, std::size_t n) {
    using V = Vec<T>;
    const V a = V::fill(alpha);
    std::size_t i = 0;
    for (; i + V::lanes <= n; i += V::lanes) fma(a, V::load(x + i), V::load(y + i)).store(y + i);
    if (i < n) {
        const Lanes<T> tail(static_cast<gemm_index>(n - i));
        tail.store(y + i, fma(a, tail.load(x + i), tail.load(y + i)));
    }
}

template <typename T> constexpr Gemm<T> gemm_kernels() { return {gemm_workspace<T>, gemm<T>, axpy<T>}; }

}  // namespace thinc::THINC_ISA
