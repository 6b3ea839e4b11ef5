// gemm: C = alpha * A B + bias + beta * C for row-major C, A and B with any strides of which one is 1. float, double.
// The products of one element of C are added in the order of k, in blocks or with a few partial sums (error bound of a
// plain sum: K * eps * sum |a b|). NaN and infinities propagate as in plain sums. beta == 0 ignores what C held.
// C overlaps no operand. Results depend on shapes and strides, not on addresses.
// After K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008.
//
// Three ways: strips of C held in registers (gemm_tile.hh), with B packed if it is transposed or large; the same for
// C^T = B^T A^T where N is small; dot products (gemm_dot.hh) where both operands run along k and a side is small.
// Measured on a Xeon of the Sapphire Rapids generation, one thread, float, share of the FMA peak (176 GFLOP/s, AVX2 88)
// and ratio to OpenBLAS 0.3.3x; X W^T | dY^T X:
//                    AVX-512 / SkylakeX              AVX2 / Haswell
//   128x256x784      86 % 1.27 | 86 % 1.10           95 % 1.08 | 92 % 1.00
//   512x512x512      88 % 1.03 | 88 % 1.01           95 % 1.03 | 94 % 1.00
//   2000x288x288     93 % 1.08 | 88 % 1.01           97 % 1.06 | 90 % 0.99 (288x288x2000)
//   32x128x96        78 % 2.2  | 94 % 0.97           85 % 1.3  | 76 % 0.97
// BLIS's skx and haswell contexts reach 65-82 % on these, and are not faster at any of them.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/kernels/gemm_dot.hh"
#include "thinc/kernels/gemm_pack.hh"
#include "thinc/kernels/gemm_tile.hh"

namespace thinc::THINC_ISA {

template <typename T> using StripFunction = void (*)(const GemmStrip<T>&);

template <typename T> struct StripTable {
    StripFunction<T> rows[gemm_max_rows + 1][5] = {}, columns[gemm_max_rows + 1][5] = {};

    constexpr StripTable() { fill<1>(); }
    template <int R> constexpr void fill() {
        put<R, 1>(), put<R, 2>();
        if constexpr (gemm_max_vectors(R) == 4) put<R, 3>(), put<R, 4>();
        if constexpr (R < gemm_max_rows) fill<R + 1>();
    }
    template <int R, int NV> constexpr void put() {
        rows[R][NV] = gemm_strip<T, R, NV, GemmA::rows>;
        columns[R][NV] = gemm_strip<T, R, NV, GemmA::columns>;
    }
};
template <typename T> constexpr StripTable<T> gemm_strips;

THINC_INLINE gemm_index ceil_div(gemm_index a, gemm_index b) { return (a + b - 1) / b; }

// The thresholds, in elements of 4 bytes and in cycles, as measured with AVX-512 and AVX2.
namespace gemm_limits {
constexpr gemm_index block_depth = 384;           // k of a block of B
constexpr gemm_index block_bytes = 512 * 1024;    // of a block of B, in the second-level cache
constexpr gemm_index direct_b_bytes = 256 * 1024;  // B is read where it lies up to this size,
constexpr gemm_index direct_blocks = 3;           // or by up to so many blocks of rows
constexpr gemm_index far_columns = gemm_max_rows > 8 ? 4096 : 1024;  // bytes between columns of A
constexpr gemm_index search_side = 64;            // one side up to this: compare the costs of several ways
// cycles per vector of values, times 2
constexpr gemm_index cost_transpose = 5, cost_sum = 60;
}  // namespace gemm_limits

enum class GemmWay { strips, swapped, dot };

struct GemmPlan {
    gemm_index kc, nc;  // block of B
    gemm_index vectors;  // of a tile
    bool pack_a, pack_b;
    gemm_index work;
};

// How to compute a product in strips of C, within `size` elements of workspace.
template <typename T> GemmPlan plan_strips(const GemmCall<T>& g, std::size_t size) {
    using namespace gemm_limits;
    constexpr gemm_index lanes = Vec<T>::lanes, bytes = sizeof(T);
    GemmPlan p{};
    const gemm_index blocks = ceil_div(g.M, gemm_max_rows), rows = ceil_div(g.M, blocks);
    p.vectors = gemm_max_vectors(static_cast<int>(rows));
    const gemm_index width = p.vectors * lanes;
    p.kc = ceil_div(g.K, ceil_div(g.K, block_depth * 4 / bytes));
    p.kc = (p.kc + 3) & ~gemm_index(3);
    if (p.kc > g.K) p.kc = g.K;
    p.nc = block_bytes / bytes / p.kc / width * width;
    if (p.nc < width) p.nc = width;
    p.nc = ceil_div(ceil_div(g.N, ceil_div(g.N, p.nc)), width) * width;
    p.pack_b = g.csb != 1 || (blocks > direct_blocks && g.K * g.N * bytes > direct_b_bytes);
    // A is read where it lies, unless its rows fall on the same cache sets, or its columns are far apart.
    const gemm_index apart = (g.csa == 1 ? g.rsa : g.csa) * bytes;
    p.pack_a = g.N > 2 * width && 2 * rows > gemm_max_rows && (g.csa == 1 ? apart % 1024 == 0 : apart >= far_columns);
    const auto needed = [&] {
        return (p.pack_b ? p.kc * p.nc : 0) + (p.pack_a ? (gemm_max_rows + lanes) * (p.kc + 2 * lanes) : 0);
    };
    // With little memory: smaller blocks, the same sums up to rounding.
    while (static_cast<std::size_t>(p.work = needed()) > size) {
        if (p.nc > width && p.pack_b) p.nc = ceil_div(p.nc / width, 2) * width;
        else p.kc = ceil_div(p.kc, 2);
    }
    return p;
}

// Estimates of half cycles.
template <typename T> gemm_index cost_strips(gemm_index M, gemm_index N, gemm_index K, bool transposed) {
    const gemm_index vectors = ceil_div(N, Vec<T>::lanes);
    return vectors * K * (M + (transposed ? gemm_limits::cost_transpose : 0));
}

template <typename T> GemmWay gemm_way(const GemmCall<T>& g) {
    using namespace gemm_limits;
    constexpr gemm_index lanes = Vec<T>::lanes;
    if (g.M > search_side && g.N > search_side) return GemmWay::strips;
    const gemm_index results = ceil_div(g.M * g.N, lanes);
    gemm_index least = cost_strips<T>(g.M, g.N, g.K, g.csb != 1);
    GemmWay way = GemmWay::strips;
    const gemm_index swapped = cost_strips<T>(g.N, g.M, g.K, g.rsa != 1) + results * cost_transpose * 2;
    if (swapped < least) least = swapped, way = GemmWay::swapped;
    if (g.csa == 1) {
        const gemm_index turn = g.rsb == 1 ? 0 : ceil_div(g.N, lanes) * g.K * cost_transpose;
        if (results * (g.K + cost_sum) + turn < least) way = GemmWay::dot;
    }
    return way;
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

template <typename T> void gemm_strips_blocked(const GemmCall<T>& g, T* work, std::size_t size) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    const GemmPlan plan = plan_strips(g, size);
    const gemm_index width = plan.vectors * lanes, blocks = ceil_div(g.M, gemm_max_rows);
    T* const packed_b = work;
    T* const packed_a = plan.pack_b ? work + plan.kc * plan.nc : work;
    const auto& strips = g.csa == 1 ? gemm_strips<T>.rows : gemm_strips<T>.columns;
    GemmStrip<T> t;
    t.sc = g.rsc, t.alpha = g.alpha, t.padded = plan.pack_b;
    for (gemm_index j0 = 0; j0 < g.N; j0 += plan.nc) {
        const gemm_index nc = g.N - j0 < plan.nc ? g.N - j0 : plan.nc;
        // whole panels, then one of fewer vectors
        const gemm_index vectors = ceil_div(nc, lanes), whole = vectors / plan.vectors, rest = vectors % plan.vectors;
        const gemm_index last = nc - (vectors - 1) * lanes;
        for (gemm_index k0 = 0; k0 < g.K; k0 += plan.kc) {
            const gemm_index kc = g.K - k0 < plan.kc ? g.K - k0 : plan.kc;
            t.K = kc, t.beta = k0 == 0 ? g.beta : T(1);
            const T* const bias = k0 + kc == g.K && g.bias ? g.bias + j0 : nullptr;
            if (plan.pack_b) gemm_pack_b(packed_b, g, k0, kc, j0, nc, width);
            const T* const B = plan.pack_b ? packed_b : g.B + k0 * g.rsb + j0;
            t.next_panel = plan.pack_b ? kc * width : width;
            for (gemm_index block = 0, i = 0; block < blocks; ++block) {
                const gemm_index rows = ceil_div(g.M - i, blocks - block);
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
                t.C = g.C + i * g.rsc + j0;
                if (whole > 0) {
                    t.B = B, t.sb = plan.pack_b ? width : g.rsb;
                    t.panels = whole, t.last = rest > 0 ? lanes : last, t.bias = bias;
                    strips[rows][plan.vectors](t);
                }
                if (rest > 0) {
                    t.B = B + whole * t.next_panel, t.sb = plan.pack_b ? rest * lanes : g.rsb;
                    t.C += whole * width;
                    t.panels = 1, t.last = last, t.bias = bias ? bias + whole * width : nullptr;
                    strips[rows][rest](t);
                }
                i += rows;
            }
        }
    }
}

// The width of a copy of B^T, whose rows are written in whole vectors.
template <typename T> gemm_index dot_width(gemm_index K) { return ceil_div(K, Vec<T>::lanes) * Vec<T>::lanes; }

template <typename T> void gemm_dots(const GemmCall<T>& g, T* work) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    DotBlock<T> t{g.K, g.A, g.rsa, g.B, g.csb, 0, g.C, g.rsc, g.alpha, g.beta, g.bias};
    if (g.rsb != 1) {
        t.W = work, t.sw = dot_width<T>(g.K);
        for (gemm_index k = 0; k < g.K; k += lanes)
            pack_transposed(work + k, t.sw, g.B + k * g.rsb, g.rsb, g.K - k, g.N);
    }
    gemm_dot(t, g.M, g.N);
}

// C^T = B^T A^T, in strips, to the workspace.
template <typename T> GemmCall<T> transposed_call(const GemmCall<T>& g, T* C) {
    return {g.N, g.M, g.K, g.B, g.csb, g.rsb, g.A, g.csa, g.rsa, C, g.M, g.alpha, T(0), nullptr};
}

template <typename T> void gemm_swapped(const GemmCall<T>& g, T* work, std::size_t size) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    if (g.N == 1 && g.rsc == 1 && !g.bias) {  // a column is a row already
        GemmCall<T> call = transposed_call(g, g.C);
        call.beta = g.beta;
        gemm_strips_blocked(call, work, size);
        return;
    }
    // As many rows of C at a time as fit into half of the workspace.
    gemm_index step = gemm_index(size / 2) / g.N;
    step = step < g.M ? step / lanes * lanes : g.M;
    GemmCall<T> part = g;
    for (gemm_index i = 0; i < g.M; i += step) {
        part.M = g.M - i < step ? g.M - i : step;
        part.A = g.A + i * g.rsa;
        T* const sums = work;  // (N, part.M)
        gemm_strips_blocked(transposed_call(part, sums), work + g.N * part.M, size - g.N * part.M);
        const bool plain = g.beta == T(0) && !g.bias;
        T rows[lanes * lanes];  // columns of the sums as rows of C
        for (gemm_index r = 0; r < part.M; r += lanes)
            for (gemm_index j = 0; j < g.N; j += lanes) {
                const gemm_index m = part.M - r < lanes ? part.M - r : lanes, n = g.N - j < lanes ? g.N - j : lanes;
                T* c = g.C + (i + r) * g.rsc + j;
                if (plain && n == lanes) {
                    pack_transposed(c, g.rsc, sums + j * part.M + r, part.M, n, m);
                    continue;
                }
                pack_transposed(rows, lanes, sums + j * part.M + r, part.M, n, m);
                const Lanes<T> some(n);
                const Vec<T> bias = g.bias ? some.load(g.bias + j) : Vec<T>{};
                for (gemm_index q = 0; q < m; ++q, c += g.rsc) {
                    Vec<T> value = Vec<T>::load(rows + q * lanes);
                    if (!plain) {
                        value = value + bias;
                        if (g.beta != T(0)) value = fma(Vec<T>::fill(g.beta), some.load(c), value);
                    }
                    some.store(c, value);
                }
            }
    }
}

// How many elements of workspace gemm would like for this call.
template <typename T> std::size_t gemm_workspace(const GemmCall<T>* g) {
    if (g->K <= 0 || g->M <= 0 || g->N <= 0) return 0;
    constexpr std::size_t any = ~std::size_t(0);
    const GemmWay way = gemm_way(*g);
    gemm_index work;
    if (way == GemmWay::dot) work = g->rsb == 1 ? 0 : dot_width<T>(g->K) * g->N;
    else if (way == GemmWay::strips) work = plan_strips(*g, any).work;
    else {
        work = plan_strips(transposed_call<T>(*g, nullptr), any).work;
        if (work < g->M * g->N) work = g->M * g->N;
        work *= 2;
    }
    return work < gemm_index(gemm_least_work) ? gemm_least_work : static_cast<std::size_t>(work);
}

template <typename T> void gemm_by(GemmWay way, const GemmCall<T>& g, T* work, std::size_t size) {
    const gemm_index available = static_cast<gemm_index>(size), lanes = Vec<T>::lanes;
    if (way == GemmWay::dot && (g.rsb == 1 || dot_width<T>(g.K) * g.N <= available)) gemm_dots(g, work);
    else if (way == GemmWay::swapped && g.N * (g.M < lanes ? g.M : lanes) <= available / 2)
        gemm_swapped(g, work, size);
    else gemm_strips_blocked(g, work, size);
}

template <typename T> void gemm(const GemmCall<T>* call, T* work, std::size_t size) {
    GemmCall<T> g = *call;
    if (g.M <= 0 || g.N <= 0) return;
    if (g.K <= 0) {
        for (gemm_index i = 0; i < g.M; ++i)
            for (gemm_index j = 0; j < g.N; ++j) {
                T& c = g.C[i * g.rsc + j];
                c = (g.beta == T(0) ? T(0) : g.beta * c) + (g.bias ? g.bias[j] : T(0));
            }
        return;
    }
    const GemmWay way = gemm_way(g);
    // A few last columns would take a vector of their own: often another way is better for them.
    const gemm_index rest = g.N % gemm_index(Vec<T>::lanes), whole = g.N - rest;
    if (way == GemmWay::strips && rest > 0 && whole > 0) {
        GemmCall<T> last = g;
        last.N = rest, last.B += whole * g.csb, last.C += whole;
        if (g.bias) last.bias += whole;
        const GemmWay last_way = gemm_way(last);
        if (last_way != GemmWay::strips) {
            gemm_by(last_way, last, work, size);
            g.N = whole;
        }
    }
    gemm_by(way, g, work, size);
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
