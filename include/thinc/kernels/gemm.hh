// gemm: C = alpha * A B + bias + beta * C for row-major C, A and B with any strides of which one is 1. float, double.
// The products of one element of C are added in the order of k, in blocks or with a few partial sums (error bound of a
// plain sum: K * eps * sum |a b|). NaN and infinities propagate as in plain sums. beta == 0 ignores what C held.
// C overlaps no operand. Results depend on shapes and strides, not on addresses, nor on how many threads share the work
// (gemm_parts.hh).
// After K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008.
//
// Ways: strips of C held in registers (gemm_tile.hh), with B packed if it is transposed or large; the same for
// C^T = B^T A^T where N is small; dot products (gemm_dot.hh) where both operands run along k and a side is small.
// A fourth, with AVX-512: tiles of C^T that are turned in registers (gemm_turned.hh) where A is transposed, a side is
// small, and B transposed too or very narrow.
// Measured on a Xeon of the Sapphire Rapids generation, one thread, float, share of the FMA peak (176 GFLOP/s, AVX2 88)
// and ratio to OpenBLAS 0.3.3x; X W^T | dY^T X:
//                    AVX-512 / SkylakeX              AVX2 / Haswell
//   128x256x784      89 % 1.30 | 90 % 1.15           92 % 1.04 | 89 % 0.97
//   512x512x512      92 % 1.09 | 89 % 1.04           91 % 1.01 | 89 % 0.96
//   2000x288x288     96 % 1.14 | 86 % 1.04           92 % 1.07 | 87 % 0.98 (288x288x2000)
//   32x128x96        79 % 2.2  | 95 % 1.00           84 % 1.3  | 84 % 1.17
//   1310x288x288     88 % 1.27 | 76 % 1.08           operands and result in the third-level cache (288x288x1310)
// BLIS's skx and haswell contexts reach 65-82 % on these, and are not faster at any of them.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/kernels/gemm_dot.hh"
#include "thinc/kernels/gemm_pack.hh"
#include "thinc/kernels/gemm_tile.hh"
#include "thinc/kernels/gemm_turned.hh"

namespace thinc::THINC_ISA {

template <typename T> using StripFunction = void (*)(const GemmStrip<T>&);

// By rows and vectors of the tiles. Only the first of many blocks of rows keeps what it reads of B.
template <typename T> struct StripTable {
    using Table = StripFunction<T>[gemm_max_rows + 1][5];
    Table rows = {}, columns = {}, rows_keep = {}, columns_keep = {};

    constexpr StripTable() { fill<1, 1>(); }
    template <int R, int NV> constexpr void fill() {
        rows[R][NV] = gemm_strip<T, R, NV, GemmA::rows>;
        columns[R][NV] = gemm_strip<T, R, NV, GemmA::columns>;
        if constexpr (R >= gemm_keep_rows) {
            rows_keep[R][NV] = gemm_strip<T, R, NV, GemmA::rows, true>;
            columns_keep[R][NV] = gemm_strip<T, R, NV, GemmA::columns, true>;
        }
        if constexpr (NV < gemm_max_vectors(R)) fill<R, NV + 1>();
        else if constexpr (R < gemm_max_rows) fill<R + 1, 1>();
    }
    StripFunction<T> get(bool has_rows, bool keeps, gemm_index R, gemm_index NV) const {
        return (has_rows ? keeps ? rows_keep : rows : keeps ? columns_keep : columns)[R][NV];
    }
};
template <typename T> constexpr StripTable<T> gemm_strips;

THINC_INLINE gemm_index ceil_div(gemm_index a, gemm_index b) { return (a + b - 1) / b; }
THINC_INLINE gemm_index at_most(gemm_index a, gemm_index most) { return a < most ? a : most; }

// The thresholds, in elements of 4 bytes and in cycles, as measured with AVX-512 and AVX2.
namespace gemm_limits {
constexpr gemm_index block_depth = 384;           // k of a block of B
constexpr gemm_index block_bytes = (gemm_max_rows > 8 ? 768 : 512) * 1024;  // of it, in the second-level cache
constexpr gemm_index direct_b_bytes = 256 * 1024;  // B is read where it lies up to this size,
constexpr gemm_index direct_rows = 3 * gemm_max_rows;  // or for up to so many rows
constexpr gemm_index far_columns = gemm_max_rows > 8 ? 4096 : 1024;  // bytes between columns of A
constexpr gemm_index near_bytes = 32 * 1024;  // C of this size is in the first-level cache
// With less than this k nothing is fetched in advance, unless C is larger; narrow tiles always leave time for it.
constexpr gemm_index near_depth = 64;
constexpr gemm_index middle_bytes = gemm_max_rows > 8 ? 512 * 1024 : PTRDIFF_MAX;
constexpr gemm_index guessed_bytes = 1024;    // columns of A that are nearer are fetched by the processor itself
constexpr gemm_index far_bytes = 64 * 1024;  // A of this size and more is not in the first-level cache,
constexpr gemm_index remote_bytes = 1024 * 1024;  // and of this size, with B and C, not in the second-level one
constexpr gemm_index chunk_rows = 56;            // of C: columns of A that are packed together
constexpr gemm_index turned_bytes = 1024 * 1024;  // A of up to this size is read in columns of tiles
constexpr gemm_index turned_side = 128;  // both transposed, this many rows: compare the costs, too
constexpr gemm_index search_side = 64;            // one side up to this: compare the costs of several ways
// cycles per vector of values, times 2
constexpr gemm_index cost_transpose = 7, cost_result = 10, cost_far_result = 24, cost_sum = 60;
constexpr gemm_index cost_pack_far = gemm_max_rows > 8 ? 12 : 0;  // few registers are busy for longer than that takes
constexpr gemm_index dot_few = 8;  // rows or columns for which dot products cost what they should
constexpr gemm_index cost_turn = 6, cost_narrow = 18;
constexpr gemm_index least_depth = 32;  // k for which loads are compared
constexpr gemm_index narrow_row = 6;    // vectors of a row of C for which A is not packed
constexpr gemm_index cost_load_a = 1, cost_load_b = 2;  // B comes out of the second-level cache
constexpr gemm_index swapped_bytes = 512 * 1024;  // of C^T at a time
constexpr gemm_index last_most = 4;              // so many last columns are few,
constexpr gemm_index last_bytes = 512 * 1024;    // of copies for their sake,
constexpr gemm_index last_a_bytes = 1024 * 1024;  // and of A, which is read again
}  // namespace gemm_limits

enum class GemmWay { strips, swapped, dot, turned };

// Blocks of rows of C, the first of `most` rows, the others of as many or one less, in tiles of so many vectors.
struct GemmTiles {
    gemm_index blocks, most, vectors;

    // As few blocks as can be, in tiles of the first two shapes.
    explicit GemmTiles(gemm_index M) {
        divide(M, gemm_shapes[0]), vectors = gemm_shapes[most <= gemm_shapes[1].rows].vectors;
    }

    // Those that load least, for rows of so many vectors.
    GemmTiles(gemm_index M, gemm_index row) : GemmTiles(M) {
        using namespace gemm_limits;
        gemm_index least = PTRDIFF_MAX;
        GemmTiles best = *this;
        for (int i = 0; i < gemm_large_shapes; ++i) {
            divide(M, gemm_shapes[i]), vectors = gemm_shapes[i].vectors;
            const gemm_index cost = ceil_div(row, vectors) * M * cost_load_a + blocks * row * cost_load_b;
            if (cost < least) least = cost, best = *this;
        }
        *this = best;
    }

  private:
    void divide(gemm_index M, GemmShape shape) { blocks = ceil_div(M, shape.rows), most = ceil_div(M, blocks); }
};

struct GemmPlan {
    gemm_index blocks;
    gemm_index kc, nc;  // block of B
    gemm_index vectors;  // of a tile
    bool pack_a, pack_b;
    gemm_index chunk;  // blocks of rows of A that are packed together
    gemm_index work;
};

template <typename T> bool is_far(gemm_index M, gemm_index N, gemm_index K) {
    using namespace gemm_limits;
    return M > direct_rows && K * N * gemm_index(sizeof(T)) > direct_b_bytes;
}
template <typename T> bool packs_b(const GemmCall<T>& g, gemm_index M, gemm_index N) {
    return g.csb != 1 || is_far<T>(M, N, g.K);
}

// How to compute a product in strips of C, within `size` elements of workspace.
template <typename T> GemmPlan plan_strips(const GemmCall<T>& g, GemmTiles in, std::size_t size) {
    using namespace gemm_limits;
    constexpr gemm_index lanes = Vec<T>::lanes, bytes = sizeof(T);
    GemmPlan p{};
    const gemm_index blocks = p.blocks = in.blocks, rows = in.most;
    p.vectors = in.vectors;
    const gemm_index width = p.vectors * lanes;
    p.kc = ceil_div(g.K, ceil_div(g.K, block_depth * 4 / bytes));
    p.kc = (p.kc + 3) & ~gemm_index(3);
    if (p.kc > g.K) p.kc = g.K;
    p.nc = block_bytes / bytes / p.kc / width * width;
    if (p.nc < width) p.nc = width;
    p.nc = ceil_div(ceil_div(g.N, ceil_div(g.N, p.nc)), width) * width;
    p.pack_b = packs_b(g, g.M, g.N);
    // A is read where it lies, unless its rows fall on the same cache sets, or its columns are far apart.
    const gemm_index apart = (g.csa == 1 ? g.rsa : g.csa) * bytes;
    const bool scattered = apart >= far_columns ||  //
                           (apart >= guessed_bytes && g.N > 5 * width && g.M * g.K * bytes > far_bytes);
    p.pack_a = g.N > 2 * width && 2 * g.M > gemm_max_rows && (g.csa == 1 ? apart % 1024 == 0 : scattered);
    p.chunk = g.csa == 1 ? 1 : ceil_div(blocks, ceil_div(blocks * rows, chunk_rows));
    const auto needed = [&] {
        return (p.pack_b ? p.kc * p.nc : 0) + (p.pack_a ? p.chunk * (rows + lanes) * (p.kc + 2 * lanes) : 0);
    };
    // With little memory: smaller blocks, the same sums up to rounding.
    while (static_cast<std::size_t>(p.work = needed()) > size) {
        if (p.chunk > 1) p.chunk = 1;
        else if (p.nc > width && p.pack_b) p.nc = ceil_div(p.nc / width, 2) * width;
        else p.kc = ceil_div(p.kc, 2);
    }
    return p;
}

// The tiles of a product that is computed in strips. It has to be long enough to matter how much they load; and where
// columns of A may be packed, they are in whole vectors, of which a few rows would waste most.
template <typename T> GemmTiles strip_tiles(const GemmCall<T>& g) {
    using namespace gemm_limits;
    const gemm_index row = ceil_div(g.N, gemm_index(Vec<T>::lanes));
    const bool is_long = g.M > direct_rows && g.K >= least_depth;
    return is_long && (g.csa == 1 || row <= narrow_row) ? GemmTiles(g.M, row) : GemmTiles(g.M);
}

// Estimates of half cycles.
template <typename T> gemm_index cost_strips(gemm_index M, gemm_index N, gemm_index K, bool transposed) {
    const gemm_index vectors = ceil_div(N, Vec<T>::lanes);
    return vectors * K * (M + (transposed ? gemm_limits::cost_transpose : 0));
}
// What it costs beyond that to pack B where it is transposed and large.
template <typename T> gemm_index cost_far_b(gemm_index M, gemm_index N, gemm_index K, bool transposed) {
    if (!transposed || !is_far<T>(M, N, K)) return 0;
    return ceil_div(N, Vec<T>::lanes) * K * gemm_limits::cost_pack_far;
}

template <typename T> GemmWay gemm_way(const GemmCall<T>& g) {
    using namespace gemm_limits;
    constexpr gemm_index lanes = Vec<T>::lanes;
    const bool both = gemm_turns && g.rsa == 1 && g.csb != 1;
    if (g.M > (both ? turned_side : search_side) && g.N > search_side) return GemmWay::strips;
    const gemm_index results = ceil_div(g.M * g.N, lanes);
    const gemm_index strips = cost_strips<T>(g.M, g.N, g.K, g.csb != 1);
    const gemm_index per_result = g.M * g.N * gemm_index(sizeof(T)) > near_bytes ? cost_far_result : cost_result;
    const gemm_index swapped = cost_strips<T>(g.N, g.M, g.K, g.rsa != 1) + results * per_result;
    const bool swap = swapped + cost_far_b<T>(g.N, g.M, g.K, g.rsa != 1) <
                      strips + cost_far_b<T>(g.M, g.N, g.K, g.csb != 1);
    GemmWay way = swap ? GemmWay::swapped : GemmWay::strips;
    gemm_index least = swapped < strips ? swapped : strips;
    const bool narrow = g.csb != 1 || g.N <= lanes;  // wide rows of B would be read once for every few columns
    if (gemm_turns && g.rsa == 1 && narrow && g.M * g.K * gemm_index(sizeof(T)) <= turned_bytes) {
        const gemm_index turned = cost_strips<T>(ceil_div(g.N, 4) * 4, g.M, g.K, false) + results * cost_turn;
        if (turned < least) least = turned, way = GemmWay::turned;
    }
    const gemm_index turn = g.rsb == 1 ? 0 : ceil_div(g.N, lanes) * g.K * cost_transpose;
    const gemm_index turn_a = g.csa == 1 ? 0 : ceil_div(g.M, lanes) * g.K * cost_transpose;
    // Tiles of half a vector of doubles cost more than their share (as measured with AVX-512).
    if (sizeof(T) == 8 && lanes == 8) {
        if (way == GemmWay::strips && 2 * g.N <= lanes) least += cost_narrow * g.M;
        else if (way == GemmWay::swapped && 2 * g.M <= lanes) least += cost_narrow * g.N;
    }
    // Rows of A where it lies begin anywhere in a cache line and take twice the loads, which hardly any product hides, and
    // less still where they come out of the second-level cache.
    gemm_index dot = results * (g.K + cost_sum);
    if (g.csa == 1 && g.M > dot_few && g.N > dot_few)
        dot += dot * (g.M * g.K * gemm_index(sizeof(T)) <= near_bytes ? 1 : 3) / 4;
    if (dot + turn + turn_a < least) way = GemmWay::dot;
    return way;
}

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
        const bool keeps = plan.pack_b && !is_packed;
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
            gemm_strips<T>.get(g.csa == 1, keeps, rows, plan.vectors)(t);
        }
        if (rest > 0) {
            t.B += whole * t.next_panel, t.sb = is_packed ? rest * lanes : g.rsb;
            t.packed += whole * kc * width, t.C += whole * width;
            t.panels = 1, t.last = last;
            if (t.bias) t.bias += whole * width;
            gemm_strips<T>.get(g.csa == 1, keeps, rows, rest)(t);
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
