// Products in strips of C, block by block of B, with operands packed and fetched as the plan says. float, double.
#pragma once
#include "thinc/kernels/gemm_pack.hh"
#include "thinc/kernels/gemm_plan.hh"

namespace thinc::THINC_ISA {

template <typename T> using StripFunction = void (*)(const GemmStrip<T>&);

// By rows and vectors of the tiles. Only the first of many blocks of rows copies what it reads of B.
template <typename T> struct StripTable {
    using Table = StripFunction<T>[gemm_max_rows + 1][5];
    Table rows = {}, columns = {}, rows_copying = {}, columns_copying = {};

    constexpr StripTable() { fill<1, 1>(); }
    template <int R, int NV> constexpr void fill() {
        rows[R][NV] = gemm_strip<T, R, NV, GemmA::rows>;
        columns[R][NV] = gemm_strip<T, R, NV, GemmA::columns>;
        if constexpr (R >= gemm_copy_rows) {
            rows_copying[R][NV] = gemm_strip<T, R, NV, GemmA::rows, true>;
            columns_copying[R][NV] = gemm_strip<T, R, NV, GemmA::columns, true>;
        }
        if constexpr (NV < gemm_max_vectors(R)) fill<R, NV + 1>();
        else if constexpr (R < gemm_max_rows) fill<R + 1, 1>();
    }
    StripFunction<T> get(bool has_rows, bool copies, gemm_index R, gemm_index NV) const {
        return (has_rows ? copies ? rows_copying : rows : copies ? columns_copying : columns)[R][NV];
    }
};
template <typename T> constexpr StripTable<T> gemm_strips;

// Columns of a transposed B, panel by panel.
template <typename T>
void gemm_pack_b(T* to, const GemmCall<T>& g, gemm_index k0, gemm_index kc, gemm_index j0, gemm_index nc,
                 gemm_index width) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    for (gemm_index j = 0; j < nc; j += width) {
        const gemm_index n = at_most(nc - j, width), w = ceil_div(n, lanes) * lanes;
        for (gemm_index v = 0; v < n; v += lanes)
            pack_transposed(to + v, w, g.B + k0 * g.rsb + (j0 + j + v) * g.csb, g.csb, n - v, kc);
        to += kc * w;
    }
}

// A few rows use B as fast as it comes out of the caches, which is at half the speed where each vector is in two
// cache lines: how many columns there are before the first whole one.
template <typename T> gemm_index columns_before_line(const GemmCall<T>& g) {
    constexpr gemm_index line = 64, bytes = sizeof(T);
    if (g.M > gemm_even_rows || g.csb != 1 || g.rsb * bytes % line != 0) return 0;
    if (g.N * bytes <= 4 * line || g.K * g.N * bytes <= gemm_limits::far_bytes) return 0;
    return gemm_index(-reinterpret_cast<std::uintptr_t>(g.B) % line) / bytes;
}

// What becomes of blocks of rows of C: by default they stay where they belong.
struct GemmKeepRows {
    gemm_index place(gemm_index i) const { return i; }  // the row of C where row i of the product is put
    void take(gemm_index, gemm_index) const {}          // rows i, ..., i + rows - 1 are complete
};

// A product in strips, block by block. What the next block will read is fetched while the sums of one are computed:
// where operands come from the third-level cache or memory, as in training, it is a fifth faster for it.
template <typename T, typename Rows = GemmKeepRows> struct GemmBlocks {
    static constexpr gemm_index lanes = Vec<T>::lanes;
    const GemmCall<T>& g;
    const GemmPlan plan;
    T *packed_b, *packed_a;
    GemmStrip<T> t;
    GemmFetch next;
    gemm_index j0, nc, k0, kc;  // the block of B: its first column, how many; the first k, how many
    gemm_index whole, rest;  // whole panels of it, and vectors of one more
    const Rows result;

    GemmBlocks(const GemmCall<T>& call, GemmTiles in, T* work, std::size_t size, const Rows& result = Rows())
        : g(call), plan(plan_strips(call, in, size)), packed_b(work),
          packed_a(plan.pack_b ? work + plan.kc * plan.nc : work),
          result(result) {
        t.sc = g.rsc, t.alpha = g.alpha;
        using namespace gemm_limits;
        const bool near = g.M * g.N * gemm_index(sizeof(T)) <= (g.K < near_depth ? middle_bytes : near_bytes);
        t.fetch = near ? nullptr : &next, t.fetch_a = t.fetch_b = 0;
    }
    gemm_index panels() const { return whole + (rest > 0); }

    void run() {
        for (j0 = 0; j0 < g.N; j0 += plan.nc) {
            nc = at_most(g.N - j0, plan.nc);
            whole = ceil_div(nc, lanes) / plan.vectors, rest = ceil_div(nc, lanes) % plan.vectors;
            for (k0 = 0; k0 < g.K; k0 += plan.kc) {
                kc = at_most(g.K - k0, plan.kc);
                if (g.csb != 1) gemm_pack_b(packed_b, g, k0, kc, j0, nc, plan.vectors * lanes);
                if (t.fetch) fetch_b();
                for (gemm_index block = 0, i = 0; block < plan.blocks; ++block) {
                    const gemm_index rows = ceil_div(g.M - i, plan.blocks - block);
                    set_a(block, plan.blocks - block, i, rows);
                    // What is packed of rows of B is packed by the first block of rows of C, beside its products.
                    multiply(i, rows, plan.pack_b && (g.csb != 1 || block > 0));
                    if (k0 + kc == g.K && j0 + nc == g.N) result.take(i, rows);
                    i += rows;
                }
            }
        }
    }

    void fetch_b() {
        const gemm_index k1 = k0 + kc, depth = at_most(g.K - k1, plan.kc);
        if (!plan.pack_b || depth <= 0) return;
        const T* const B = g.B + k1 * g.rsb + j0 * g.csb;
        if (g.csb == 1) next.b.set(B, g.rsb, depth, nc);
        else next.b.set(B, g.csb, nc, depth);
        t.fetch_b = next.b.share(panels() * g.M);
    }

    // Rows i, ... of A, the first of `left` blocks; packed alone if they are rows, several blocks together if columns.
    void set_a(gemm_index block, gemm_index left, gemm_index i, gemm_index rows) {
        t.A = g.A + i * g.rsa + k0 * g.csa;
        t.sa = g.csa == 1 ? g.rsa : g.csa;
        if (g.csa == 1) {
            if (t.fetch && j0 == 0) {
                next.a.set(t.A + rows * g.rsa, g.rsa, left > 1 ? rows : 0, kc);
                t.fetch_a = next.a.share(panels() * rows);
            }
            if (!plan.pack_a) return;
            t.sa = ceil_div(kc, lanes) * lanes + lanes;
            pack_rows(packed_a, t.sa, t.A, g.rsa, kc, rows);
            t.A = packed_a;
        } else if (plan.pack_a) {
            const gemm_index blocks = block + left, most = ceil_div(g.M, blocks);
            t.sa = ceil_div(most, lanes) * lanes;
            if (block % plan.chunk == 0) {
                const gemm_index wide = g.M - (most - 1) * blocks;  // so many blocks have `most` rows, the others less
                const auto pack = t.sa == lanes       ? pack_columns<1, T>
                                  : t.sa == 2 * lanes ? pack_columns<2, T>
                                                      : pack_columns<3, T>;
                const gemm_index count = at_most(left, plan.chunk);
                pack(packed_a, t.A, g.csa, most, count, wide > block ? wide - block : 0, g.M - i, kc);
                if (t.fetch) fetch_columns(i, plan.chunk * most);
            }
            t.A = packed_a + block % plan.chunk * kc * t.sa;
        } else if (t.fetch && is_remote()) fetch_columns(i, rows);
    }

    // Whether A is large and its columns are so far apart that the processor does not guess what will be read.
    bool is_remote() const {
        constexpr gemm_index bytes = sizeof(T);
        return g.csa * bytes >= gemm_limits::guessed_bytes && g.M * g.K * bytes > gemm_limits::remote_bytes;
    }

    // The columns of the next block or chunk, or of the first one of the next k.
    void fetch_columns(gemm_index i, gemm_index columns) {
        const gemm_index i1 = i + columns, k1 = k0 + kc;
        if (i1 < g.M) next.a.set(g.A + i1 + k0 * g.csa, g.csa, kc, at_most(g.M - i1, columns));
        else next.a.set(g.A + k1 * g.csa, g.csa, j0 == 0 ? at_most(g.K - k1, plan.kc) : 0, at_most(g.M, columns));
        t.fetch_a = next.a.share(panels() * at_most(g.M - i, columns));
    }

    void multiply(gemm_index i, gemm_index rows, bool is_packed) {
        const bool copies = plan.pack_b && !is_packed;
        const gemm_index width = plan.vectors * lanes, last = nc - (ceil_div(nc, lanes) - 1) * lanes;
        t.K = kc, t.beta = k0 == 0 ? g.beta : T(1);
        t.bias = k0 + kc == g.K && g.bias ? g.bias + j0 : nullptr;
        t.padded = is_packed, t.packed = packed_b;
        t.next_panel = is_packed ? kc * width : width;
        t.B = is_packed ? packed_b : g.B + k0 * g.rsb + j0;
        t.C = g.C + result.place(i) * g.rsc + j0;
        if (whole > 0) {
            t.sb = is_packed ? width : g.rsb;
            t.panels = whole, t.last = rest > 0 ? lanes : last;
            gemm_strips<T>.get(g.csa == 1, copies, rows, plan.vectors)(t);
        }
        if (rest > 0) {
            t.B += whole * t.next_panel, t.sb = is_packed ? rest * lanes : g.rsb;
            t.packed += whole * kc * width, t.C += whole * width;
            t.panels = 1, t.last = last;
            if (t.bias) t.bias += whole * width;
            gemm_strips<T>.get(g.csa == 1, copies, rows, rest)(t);
        }
    }
};

template <typename T> void gemm_strips_blocked(GemmCall<T> g, GemmTiles in, T* work, std::size_t size) {
    if (const gemm_index columns = columns_before_line(g)) {
        GemmCall<T> first = g;
        first.N = columns;
        GemmBlocks<T>(first, in, work, size).run();
        g.N -= columns, g.B += columns, g.C += columns;
        if (g.bias) g.bias += columns;
    }
    GemmBlocks<T>(g, in, work, size).run();
}

}  // namespace thinc::THINC_ISA
