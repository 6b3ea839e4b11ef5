// gemm: C = alpha * A B + bias + beta * C for row-major C, A and B with any strides of which one is 1. float, double.
// The products of one element of C are added in the order of k, in blocks or with a few partial sums (error bound of a
// plain sum: K * eps * sum |a b|). NaN and infinities propagate as in plain sums. beta == 0 ignores what C held.
// C overlaps no operand. Results depend on shapes and strides, not on addresses, nor on how many threads share the work
// (gemm_parts.hh).
// After K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008.
//
// Ways: strips of C held in registers (gemm_blocks.hh), with B packed if it is transposed or large; the same for
// C^T = B^T A^T where N is small; dot products (gemm_dot.hh) where both operands run along k and a side is small.
// A fourth, with AVX-512: tiles of C^T that are turned in registers (gemm_turned.hh) where A is transposed, a side is
// small, and B transposed too or very narrow.
// Measured on a Xeon of the Sapphire Rapids generation, one thread, float, share of the FMA peak (176 GFLOP/s, AVX2 88)
// and ratio to OpenBLAS 0.3.3x; X W^T | dY^T X:
//                    AVX-512 / SkylakeX              AVX2 / Haswell
//   128x256x784      87 % 1.28 | 95 % 1.11           91 % 1.05 | 93 % 1.01
//   512x512x512      93 % 1.08 | 90 % 1.05           93 % 1.00 | 92 % 0.99
//   2000x288x288     97 % 1.12 | 87 % 1.05           94 % 1.02 | 91 % 1.00 (288x288x2000)
//   32x128x96        80 % 2.3  | 90 % 0.93           84 % 1.30 | 93 % 1.17
// BLIS's skx and haswell contexts reach 65-82 % on these, and are not faster at any of them.
#pragma once
#include "thinc/kernels/gemm_blocks.hh"
#include "thinc/kernels/gemm_dot.hh"

namespace thinc::THINC_ISA {

// The width of a copy of B^T or A, whose rows are written in whole vectors.
template <typename T> gemm_index dot_width(gemm_index K) { return ceil_div(K, Vec<T>::lanes) * Vec<T>::lanes; }
template <typename T> gemm_index dot_work(const GemmCall<T>& g) {
    return dot_width<T>(g.K) * ((g.rsb == 1 ? 0 : g.N) + (g.csa == 1 ? 0 : g.M));
}

template <typename T> void gemm_dots(const GemmCall<T>& g, T* work) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    DotBlock<T> t{g.K, g.A, g.rsa, g.B, g.csb, 0, g.C, g.rsc, g.alpha, g.beta, g.bias};
    const gemm_index width = dot_width<T>(g.K);
    if (g.rsb != 1) {
        t.W = work, t.sw = width;
        for (gemm_index k = 0; k < g.K; k += lanes)
            pack_transposed(work + k, width, g.B + k * g.rsb, g.rsb, g.K - k, g.N);
        work += width * g.N;
    }
    if (g.csa != 1) {
        t.A = work, t.sa = width;
        for (gemm_index k = 0; k < g.K; k += lanes)
            pack_transposed(work + k, width, g.A + k * g.csa, g.csa, g.K - k, g.M);
    }
    gemm_dot(t, g.M, g.N);
}

// C^T = B^T A^T, in strips, to the workspace.
template <typename T> GemmCall<T> transposed_call(const GemmCall<T>& g, T* C) {
    return {g.N, g.M, g.K, g.B, g.csb, g.rsb, g.A, g.csa, g.rsa, C, g.M, g.alpha, T(0), nullptr};
}

// C = S^T + bias + beta * C for M rows of n <= lanes columns; S (n, M).
template <typename T>
void add_transposed(T* c, const GemmCall<T>& g, const T* S, gemm_index n, const T* bias) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    T rows[lanes * lanes];
    const Lanes<T> some(n);
    const Vec<T> add = bias ? some.load(bias) : Vec<T>{};
    for (gemm_index r = 0; r < g.M; r += lanes) {
        const gemm_index m = g.M - r < lanes ? g.M - r : lanes;
        pack_transposed(rows, lanes, S + r, g.M, n, m);
        for (gemm_index q = 0; q < m; ++q, c += g.rsc) {
            Vec<T> value = Vec<T>::load(rows + q * lanes) + add;
            if (g.beta != T(0)) value = fma(Vec<T>::fill(g.beta), some.load(c), value);
            some.store(c, value);
        }
    }
}

constexpr gemm_index swapped_panels = 4;  // vectors that make up whole panels of tiles of the first two shapes

// Rows of C that are computed at a time, with room for so many values: whole panels of C^T, so that the bounds of
// panels do not depend on where the rows begin.
template <typename T> gemm_index swapped_rows(const GemmCall<T>& g, gemm_index room) {
    constexpr gemm_index lanes = Vec<T>::lanes, width = swapped_panels * lanes;
    gemm_index rows = gemm_limits::swapped_bytes / gemm_index(sizeof(T)) / g.N;
    if (rows < width) rows = width;
    rows = at_most(room / g.N, rows);
    return g.M <= rows ? g.M : rows / (rows < width ? lanes : width) * (rows < width ? lanes : width);
}

template <typename T> void gemm_swapped(const GemmCall<T>& g, T* work, std::size_t size) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    if (g.N == 1 && g.rsc == 1 && !g.bias) {  // a column is a row already
        GemmCall<T> call = transposed_call(g, g.C);
        call.beta = g.beta;
        gemm_strips_blocked(call, GemmTiles(call.M), work, size);
        return;
    }
    // As many rows of C at a time as fit into half of the workspace.
    const gemm_index step = swapped_rows(g, gemm_index(size / 2));
    GemmCall<T> part = g;
    for (gemm_index i = 0; i < g.M; i += step) {
        part.M = g.M - i < step ? g.M - i : step;
        part.A = g.A + i * g.rsa;
        T* const sums = work;  // (N, part.M)
        gemm_strips_blocked(transposed_call(part, sums), GemmTiles(g.N), sums + g.N * part.M, size - g.N * part.M);
        const bool plain = g.beta == T(0) && !g.bias;
        for (gemm_index j = 0; j < g.N; j += lanes) {
            const gemm_index n = g.N - j < lanes ? g.N - j : lanes;
            T* const c = g.C + i * g.rsc + j;
            if (plain && n == lanes) pack_transposed(c, g.rsc, sums + j * part.M, part.M, n, part.M);
            else add_transposed(c, part, sums + j * part.M, n, g.bias ? g.bias + j : nullptr);
        }
    }
}

// How many elements of workspace a way would like.
template <typename T> gemm_index way_workspace(GemmWay way, const GemmCall<T>& g, GemmTiles in) {
    constexpr std::size_t any = ~std::size_t(0);
    if (way == GemmWay::turned) return 0;
    if (way == GemmWay::dot) return dot_work(g);
    if (way == GemmWay::strips) return plan_strips(g, in, any).work;
    GemmCall<T> part = g;
    part.M = swapped_rows(g, gemm_index(any / 2));
    const GemmPlan plan = plan_strips(transposed_call<T>(part, nullptr), GemmTiles(g.N), any);
    const gemm_index sums = g.N * part.M;
    return 2 * (plan.work < sums ? sums : plan.work);
}

// A few last columns would take a vector of their own: often another way is better for them. How many there are, if it
// is; `last` becomes the product that they are.
template <typename T> gemm_index last_columns(const GemmCall<T>& g, GemmWay way, GemmCall<T>& last, GemmWay& last_way) {
    const gemm_index rest = g.N % gemm_index(Vec<T>::lanes), whole = g.N - rest;
    if (way != GemmWay::strips || rest == 0 || whole == 0) return 0;
    using namespace gemm_limits;
    if (rest > last_most || g.M * g.K * gemm_index(sizeof(T)) > last_a_bytes) return 0;
    last = g;
    last.N = rest, last.B += whole * g.csb, last.C += whole;
    if (g.bias) last.bias += whole;
    last_way = gemm_way(last);
    if (last_way == GemmWay::dot && dot_work(last) * gemm_index(sizeof(T)) > last_bytes) return 0;
    return last_way == GemmWay::strips ? 0 : rest;
}

// How many elements of workspace gemm would like for this call.
template <typename T> std::size_t gemm_workspace(const GemmCall<T>* g) {
    if (g->K <= 0 || g->M <= 0 || g->N <= 0) return 0;
    const GemmWay way = gemm_way(*g);
    GemmCall<T> whole = *g, last;
    GemmWay last_way;
    gemm_index work = 0;
    if (const gemm_index columns = last_columns(*g, way, last, last_way)) {
        work = way_workspace(last_way, last, strip_tiles(last));
        whole.N -= columns;
    }
    const gemm_index needed = way_workspace(way, whole, strip_tiles(whole));
    if (work < needed) work = needed;
    return work < gemm_index(gemm_least_work) ? gemm_least_work : static_cast<std::size_t>(work);
}

template <typename T> void gemm_by(GemmWay way, const GemmCall<T>& g, T* work, std::size_t size) {
    const gemm_index available = static_cast<gemm_index>(size), lanes = Vec<T>::lanes;
    if (way == GemmWay::turned) gemm_turned(g);
    else if (way == GemmWay::dot && dot_work(g) <= available) gemm_dots(g, work);
    else if (way == GemmWay::swapped && g.N * (g.M < lanes ? g.M : lanes) <= available / 2)
        gemm_swapped(g, work, size);
    else gemm_strips_blocked(g, strip_tiles(g), work, size);
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
    GemmCall<T> last;
    GemmWay last_way;
    if (const gemm_index columns = last_columns(g, way, last, last_way)) {
        gemm_by(last_way, last, work, size);
        g.N -= columns;
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

}  // namespace thinc::THINC_ISA
