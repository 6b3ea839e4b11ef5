// How a product is computed: the way, the tiles, the blocks; chosen by estimates of what each costs.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/kernels/gemm_tile.hh"
#include "thinc/kernels/gemm_turned.hh"

namespace thinc::THINC_ISA {

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

// Whether B is too large to be read where it lies, again for each block of rows.
template <typename T> bool is_far(gemm_index M, gemm_index N, gemm_index K) {
    using namespace gemm_limits;
    return M > direct_rows && K * N * gemm_index(sizeof(T)) > direct_b_bytes;
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
    p.pack_b = g.csb != 1 || is_far<T>(g.M, g.N, g.K);
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
    // Rows of A where it lies begin anywhere in a cache line and take twice the loads, which hardly any product hides,
    // and less still where they come out of the second-level cache.
    gemm_index dot = results * (g.K + cost_sum);
    if (g.csa == 1 && g.M > dot_few && g.N > dot_few)
        dot += dot * (g.M * g.K * gemm_index(sizeof(T)) <= near_bytes ? 1 : 3) / 4;
    if (dot + turn + turn_a < least) way = GemmWay::dot;
    return way;
}

}  // namespace thinc::THINC_ISA
