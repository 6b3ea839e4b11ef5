// A product in parts that threads may compute side by side: a grid of ranges of rows and of columns of C. The way, the
// depth of blocks and the tiles are those of the whole product, and parts begin and end where tiles do: each element is
// summed just as it is without parts, and C is the same, bit for bit, whatever the grid.
#pragma once
#include "thinc/kernels/gemm.hh"

namespace thinc::THINC_ISA {

// In half cycles, as in gemm_limits; about 5 to 6 of them make a nanosecond.
namespace gemm_part_limits {
constexpr double least_whole = 100e3;  // of a product that is worth parts,
constexpr double least = 30e3;         // and of a part
constexpr double hand_over = 3e3;
// What each part costs again: to pack a vector of B, or read it where it lies, and to read one of A.
constexpr double cost_pack = 20, cost_read_b = 10, cost_read = 6;
// Of a vector of C that is added to. What is there, a gradient, was shared out in order, by rows: cut by columns, half
// of it or more is in the caches of other cores (steps of a small network with two threads: 6 % in all).
constexpr double cost_far_c = 10;
constexpr double delay = 0.08;         // of a part: that the last one is late, for its core is shared or slower
constexpr double bytes_each = 16;      // memory that is read or written meanwhile
constexpr gemm_index rounds = 4;       // parts for each thread, at most
constexpr gemm_index widths = 32;      // of parts, that are compared
}  // namespace gemm_part_limits

// Range `index` of `count` that make up [0, n), the first ones longer by one.
struct GemmRange {
    gemm_index begin, end;
    GemmRange(gemm_index n, gemm_index count, gemm_index index) {
        const gemm_index each = n / count, longer = n % count;
        begin = index * each + at_most(index, longer);
        end = begin + each + (index < longer);
    }
};

template <typename T> double gemm_cost(const GemmCall<T>& g, GemmWay way) {
    const double lanes = Vec<T>::lanes, M = g.M, N = g.N, K = g.K;
    const double bytes = (M * K + K * N + M * N) * sizeof(T);
    double cost;
    if (way == GemmWay::strips) cost = double(ceil_div(g.N, Vec<T>::lanes)) * K * (M + gemm_limits::cost_transpose);
    else if (way == GemmWay::dot) cost = M * N / lanes * (K + gemm_limits::cost_sum);
    else cost = double(ceil_div(g.M, Vec<T>::lanes)) * K * (N + gemm_limits::cost_transpose);
    return cost + bytes / gemm_part_limits::bytes_each;
}

constexpr gemm_index least_common_multiple(gemm_index a, gemm_index b) {
    gemm_index multiple = a;
    while (multiple % b) multiple += a;
    return multiple;
}

// Ways other than strips are cut along one side: the longer one, unless the way has only rows to cut; in units of this
// many rows or columns.
template <typename T> bool cuts_rows(GemmWay way, const GemmCall<T>& g) {
    return way == GemmWay::swapped || g.M >= g.N;
}
template <typename T> gemm_index cut_unit(GemmWay way, const GemmCall<T>& g) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    if (way == GemmWay::swapped || (way == GemmWay::turned && cuts_rows(way, g))) return swapped_panels * lanes;
    if (way == GemmWay::turned) return 8;
    if (cuts_rows(way, g)) return 4;
    const int last = static_cast<int>(g.M % 4);
    const gemm_index four = g.M >= 4 ? dot_columns(lanes, 4) : 1, fewer = last ? dot_columns(lanes, last) : 1;
    return least_common_multiple(four, fewer);
}

// The time that a grid takes if threads take parts round by round.
inline double grid_cost(double part, gemm_index parts, gemm_index threads) {
    return (part + gemm_part_limits::hand_over) * (double(ceil_div(parts, threads)) + gemm_part_limits::delay);
}

template <typename T> GemmGrid strips_grid(const GemmCall<T>& g, gemm_index threads, gemm_index most) {
    using namespace gemm_part_limits;
    constexpr gemm_index lanes = Vec<T>::lanes;
    const GemmTiles tiles = strip_tiles(g);
    const gemm_index width = tiles.vectors * lanes, panels = ceil_div(g.N, width);
    // Rows of B are packed, if at all, while they are read.
    const double per_b = g.csb == 1 ? cost_read_b : cost_pack;
    GemmGrid best{1, 1};
    double best_cost = 0;
    for (gemm_index columns = 1; columns <= at_most(panels, widths); ++columns)
        for (gemm_index round = 1; round <= rounds; ++round) {
            const gemm_index blocks = at_most(ceil_div(round * threads, columns), tiles.blocks);
            if (blocks * columns > most) break;
            const gemm_index deep = ceil_div(tiles.blocks, blocks), wide = ceil_div(panels, columns) * width;
            const double m = at_most(deep * tiles.most, g.M), n = double(at_most(wide, g.N)) / lanes;
            double part = g.K * (n * (m + per_b) + m * cost_read / lanes);
            if (g.beta != T(0) && columns > 1) part += cost_far_c * m * n;
            const double cost = grid_cost(part, blocks * columns, threads);
            if (best_cost == 0 || cost < best_cost) best_cost = cost, best = {blocks, columns};
        }
    return best;
}

// {1, 1} if the product is not worth parts.
template <typename T> GemmGrid gemm_grid(const GemmCall<T>* g, gemm_index threads) {
    using namespace gemm_part_limits;
    if (g->M <= 0 || g->N <= 0 || g->K <= 0) return {1, 1};
    const GemmWay way = gemm_way(*g);
    const double cost = gemm_cost(*g, way);
    if (cost < least_whole) return {1, 1};
    gemm_index most = gemm_index(at_most(gemm_index(cost / least), rounds * threads));
    if (way == GemmWay::strips) return strips_grid(*g, threads, most);
    most = at_most(ceil_div(cuts_rows(way, *g) ? g->M : g->N, cut_unit(way, *g)), most);
    if (most > threads) most = most / threads * threads;
    if (cuts_rows(way, *g)) return {most, 1};
    return {1, most};
}

// What a part of the grid computes of a product by one way.
template <typename T> struct GemmPiece {
    GemmWay way;
    GemmCall<T> call;
    GemmTiles tiles;  // of the whole product

    GemmPiece(const GemmCall<T>& g, GemmWay way, GemmGrid grid, gemm_index part)
        : way(way), call(g), tiles(strip_tiles(g)) {
        if (way != GemmWay::strips) {
            const gemm_index unit = cut_unit(way, g), side = cuts_rows(way, g) ? g.M : g.N;
            const GemmRange range(ceil_div(side, unit), grid.rows * grid.columns, part);
            if (cuts_rows(way, g)) take_rows(range.begin * unit, range.end * unit);
            else take_columns(range.begin * unit, range.end * unit);
            return;
        }
        const gemm_index width = tiles.vectors * gemm_index(Vec<T>::lanes);
        const GemmRange columns(ceil_div(g.N, width), grid.columns, part % grid.columns);
        const GemmRange blocks(tiles.blocks, grid.rows, part / grid.columns);
        take_columns(columns.begin * width, columns.end * width);
        take_rows(first_of(g.M, blocks.begin), first_of(g.M, blocks.end));
        tiles.blocks = blocks.end - blocks.begin;
    }

    bool is_empty() const { return call.M <= 0 || call.N <= 0; }

  private:
    gemm_index first_of(gemm_index M, gemm_index block) const {
        return block * (M / tiles.blocks) + at_most(block, M % tiles.blocks);
    }
    void take_rows(gemm_index begin, gemm_index end) {
        call.M = at_most(end, call.M) - begin;
        call.A += begin * call.rsa, call.C += begin * call.rsc;
    }
    void take_columns(gemm_index begin, gemm_index end) {
        call.N = at_most(end, call.N) - begin;
        call.B += begin * call.csb, call.C += begin;
        if (call.bias) call.bias += begin;
    }
};

// f(piece) for what a part has to do of the columns that are computed by one way and of the last ones by another.
template <typename T, typename F>
THINC_INLINE void gemm_pieces(const GemmCall<T>& g, GemmGrid grid, gemm_index part, F f) {
    const GemmWay way = gemm_way(g);
    GemmCall<T> whole = g, last;
    GemmWay last_way;
    if (const gemm_index columns = last_columns(g, way, last, last_way)) {
        whole.N -= columns;
        const GemmPiece<T> piece(last, last_way, grid, part);
        if (!piece.is_empty()) f(piece);
    }
    const GemmPiece<T> piece(whole, way, grid, part);
    if (!piece.is_empty()) f(piece);
}

template <typename T> std::size_t gemm_part_workspace(const GemmCall<T>* g, GemmGrid grid, gemm_index part) {
    gemm_index most = gemm_least_work;
    gemm_pieces(*g, grid, part, [&](const GemmPiece<T>& piece) {
        const gemm_index work = way_workspace(piece.way, piece.call, piece.tiles);
        if (work > most) most = work;
    });
    return static_cast<std::size_t>(most);
}

template <typename T>
void gemm_part(const GemmCall<T>* g, GemmGrid grid, gemm_index part, T* work, std::size_t size) {
    gemm_pieces(*g, grid, part, [&](const GemmPiece<T>& piece) {
        if (piece.way == GemmWay::strips) gemm_strips_blocked(piece.call, piece.tiles, work, size);
        else gemm_by(piece.way, piece.call, work, size);
    });
}

template <typename T> constexpr Gemm<T> gemm_kernels() {
    return {gemm_workspace<T>, gemm<T>, gemm_grid<T>, gemm_part_workspace<T>, gemm_part<T>, axpy<T>};
}

}  // namespace thinc::THINC_ISA
