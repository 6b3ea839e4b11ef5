// The way back through a dense layer with maxout, Y[b, o] = max_p (sum_i X[b, i] W[o, p, i] + bias[o, p]). The gradient
// of the sums is zero but for the pieces that were chosen, one in P, and only these take part here: with three pieces
// a third of the multiplications of the product with the whole matrix, which need not be written either. float, double.
// Sums are plain ones, in an order that depends on shapes only (error bound: n * eps * sum |a b|), and the same if the
// units, the rows for dX, or the columns for dW are divided among several calls.
// What multiplies a gradient of zero because its piece was not chosen is not looked at, be it infinite or NaN.
// Measured with AVX-512 (Xeon, Sapphire Rapids), B 1310, nO 96, P 3, nI 288, float: dX 0.76 ms instead of 1.37 ms for
// backprop_maxout and gemm; dW and db 1.03 ms instead of 1.52 ms for gemm and sum_columns.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/kernels/gemm.hh"

namespace thinc::THINC_ISA {

// Panels of columns lie in the first-level cache while they are used.
namespace maxout_limits {
constexpr gemm_index panel_bytes = 40 * 1024;
constexpr gemm_index input_vectors = 2, weight_vectors = 3;  // of a panel, for dX and for dW
constexpr gemm_index input_rows = 4;                         // of dX at a time
constexpr gemm_index most_rows = 240;                        // in a block for dW: their numbers fit a byte, one is spare
}  // namespace maxout_limits

// How far byte q of eight that were loaded together has to be shifted down.
constexpr int maxout_byte(int q) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return 8 * (7 - q);
#else
    return 8 * q;
#endif
}

constexpr int maxout_byte_of_four(int q) { return maxout_byte(q) - (maxout_byte(0) ? 32 : 0); }

// One address for several loads: with a sum of two registers in each of them, Intel's processors take two steps for each.
THINC_INLINE void keep_in_register(const char*& address) { __asm__("" : "+r"(address)); }

// n <= NV * lanes values from p on, where some may be missing in the last vectors.
template <int NV, typename T> struct MaxoutRow {
    static constexpr gemm_index lanes = Vec<T>::lanes;
    gemm_index n;
    static gemm_index in_vector(gemm_index n, int j) {
        const gemm_index left = n - j * lanes;
        return left < 0 ? 0 : left < lanes ? left : lanes;
    }
    THINC_INLINE void load(Vec<T>* v, const T* p) const {
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j)
            v[j] = n == NV * lanes ? Vec<T>::load(p + j * lanes) : Lanes<T>(in_vector(n, j)).load(p + j * lanes);
    }
    THINC_INLINE void store(T* p, const Vec<T>* v) const {
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j)
            if (n == NV * lanes) v[j].store(p + j * lanes);
            else Lanes<T>(in_vector(n, j)).store(p + j * lanes, v[j]);
    }
};

// R rows of dX, the columns of one panel: dx = (add ? dx : 0) + the sum over n units of dy * panel[unit, which].
template <typename T, int R>
__attribute__((noinline)) void maxout_input_rows(const MaxoutGradient<T>& g, T* dx, const T* dy,
                                                 const std::uint8_t* which, gemm_index n, const T* panel,
                                                 gemm_index columns, bool add) {
    using V = Vec<T>;
    constexpr int NV = maxout_limits::input_vectors;
    constexpr gemm_index piece = NV * THINC_VECTOR_BYTES;
    const MaxoutRow<NV, T> row{columns};
    const gemm_index unit = g.P * piece;
    const char* p = reinterpret_cast<const char*>(panel);
    V sums[R][NV];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) sums[r][j] = V{};
        if (add) row.load(sums[r], dx + r * g.nI);
    }
    const auto add_unit = [&](int r, T value, const char* at) THINC_INLINE_LAMBDA {
        const V v = broadcast_here(value);
        keep_in_register(at);
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j)
            accumulate(sums[r][j], v, V::load(reinterpret_cast<const T*>(at) + j * V::lanes));
    };
    gemm_index o = 0;
    for (; o + 8 <= n; o += 8) {
        std::uint64_t eight[R];
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) __builtin_memcpy(&eight[r], which + r * g.swhich + o, 8);
#pragma GCC unroll 8
        for (int q = 0; q < 8; ++q, p += unit)
#pragma GCC unroll 4
            for (int r = 0; r < R; ++r)
                add_unit(r, dy[r * g.sdY + o + q], p + ((eight[r] >> maxout_byte(q)) & 255) * piece);
    }
    for (; o < n; ++o, p += unit)
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) add_unit(r, dy[r * g.sdY + o], p + which[r * g.swhich + o] * piece);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) row.store(dx + r * g.nI, sums[r]);
}

// Columns j, ... of rows of W, or of X, as rows of a panel; what is beyond the last column is zero.
template <int NV, typename T>
void maxout_pack(T* panel, const T* from, gemm_index stride, gemm_index rows, gemm_index columns) {
    constexpr gemm_index width = NV * Vec<T>::lanes;
    const MaxoutRow<NV, T> row{columns};
    for (gemm_index r = 0; r < rows; ++r, panel += width, from += stride) {
        Vec<T> v[NV];
        fetch_row(from + fetch_rows * stride, columns);
        row.load(v, from);
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) v[j].store(panel + j * Vec<T>::lanes);
    }
}

// dX[b, i] = sum over o of dY[b, o] W[o, which[b, o], i].
template <typename T> void maxout_inputs(const MaxoutGradient<T>& g, T* work) {
    using namespace maxout_limits;
    constexpr gemm_index width = input_vectors * Vec<T>::lanes;
    const gemm_index fit = panel_bytes / gemm_index(sizeof(T)) / (g.P * width), parts = ceil_div(g.nO, fit < 8 ? 8 : fit);
    const gemm_index step = (ceil_div(g.nO, parts) + 7) / 8 * 8;
    for (gemm_index j = 0; j < g.nI; j += width) {
        const gemm_index columns = at_most(g.nI - j, width);
        for (gemm_index o = 0; o < g.nO; o += step) {
            const gemm_index units = at_most(g.nO - o, step);
            maxout_pack<input_vectors>(work, g.W + o * g.P * g.nI + j, g.nI, units * g.P, columns);
            const T* dy = g.dY + o;
            const std::uint8_t* which = g.which + o;
            T* dx = g.dX + j;
            gemm_index b = 0;
            for (; b + input_rows <= g.B; b += input_rows) {
                maxout_input_rows<T, input_rows>(g, dx, dy, which, units, work, columns, o > 0);
                dy += input_rows * g.sdY, which += input_rows * g.swhich, dx += input_rows * g.nI;
            }
            for (; b < g.B; ++b, dy += g.sdY, which += g.swhich, dx += g.nI)
                maxout_input_rows<T, 1>(g, dx, dy, which, units, work, columns, o > 0);
        }
    }
}

// For the weights, a block of rows is sorted by what they chose: for each piece of each unit a list of the numbers of
// its rows, filled up to a multiple of four with that of a row of zeros.
struct MaxoutLists {
    gemm_index n;         // rows in the block; number n is the row of zeros
    std::uint8_t* lists;  // (nO, P, capacity)
    std::uint8_t* counts;  // (nO, P): up to n, then filled up
    static constexpr gemm_index capacity = maxout_limits::most_rows + 8;
};

inline void maxout_sort(const MaxoutLists& m, const std::uint8_t* which, gemm_index swhich, gemm_index nO,
                        gemm_index P) {
    __builtin_memset(m.counts, 0, nO * P);
    for (gemm_index b = 0; b < m.n; ++b, which += swhich) {
        std::uint8_t *counts = m.counts, *lists = m.lists;
        for (gemm_index o = 0; o < nO; ++o, counts += P, lists += P * MaxoutLists::capacity) {
            const gemm_index p = which[o];
            lists[p * MaxoutLists::capacity + counts[p]++] = static_cast<std::uint8_t>(b);
        }
    }
    for (gemm_index l = 0; l < nO * P; ++l) {
        std::uint8_t* const list = m.lists + l * MaxoutLists::capacity;
        for (; m.counts[l] % 4; ++m.counts[l]) list[m.counts[l]] = static_cast<std::uint8_t>(m.n);
    }
}

// The first NV vectors of a panel of X: dw (nO P rows of nI) += the sums over the lists; db, unless null, as well. dyt
// (nO, sdyt) is dY transposed; dyt[o, n] is zero.
template <typename T, int NV>
__attribute__((noinline)) void maxout_weight_columns(const MaxoutGradient<T>& g, const MaxoutLists& m, T* dw, T* db,
                                                     const T* dyt, gemm_index sdyt, const T* panel,
                                                     gemm_index columns) {
    using V = Vec<T>;
    constexpr gemm_index row_bytes = maxout_limits::weight_vectors * THINC_VECTOR_BYTES;
    const MaxoutRow<NV, T> row{columns};
    const char* x = reinterpret_cast<const char*>(panel);
    const std::uint8_t* list = m.lists;
    for (gemm_index o = 0, l = 0; o < g.nO; ++o, dyt += sdyt)
        for (gemm_index p = 0; p < g.P; ++p, ++l, list += MaxoutLists::capacity, dw += g.nI) {
            V even[NV], odd[NV], bias[2] = {V{}, V{}};
            row.load(even, dw);
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) odd[j] = V{};
            const gemm_index n = m.counts[l];
            for (gemm_index i = 0; i < n; i += 4) {
                std::uint32_t four;
                __builtin_memcpy(&four, list + i, 4);
#pragma GCC unroll 4
                for (int q = 0; q < 4; ++q) {
                    const gemm_index b = (four >> maxout_byte_of_four(q)) & 255;
                    const char* from = x + b * row_bytes;
                    keep_in_register(from);
                    const V v = broadcast_here(dyt[b]);
                    bias[q % 2] = bias[q % 2] + v;
#pragma GCC unroll 4
                    for (int j = 0; j < NV; ++j) {
                        const V values = V::load(reinterpret_cast<const T*>(from) + j * V::lanes);
                        accumulate((q % 2 ? odd : even)[j], v, values);
                    }
                }
            }
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) even[j] = even[j] + odd[j];
            row.store(dw, even);
            if (db) db[l] += (bias[0] + bias[1]).v[0];
        }
}

// dW[o, p, i] += sum over the rows b with which[b, o] = p of dY[b, o] X[b, i], and db[o, p] = the sum of dY[b, o].
template <typename T> void maxout_weights(const MaxoutGradient<T>& g, T* work) {
    using namespace maxout_limits;
    constexpr gemm_index lanes = Vec<T>::lanes, width = weight_vectors * lanes;
    constexpr gemm_index fit = panel_bytes / gemm_index(sizeof(T)) / width - 1, most = fit < most_rows ? fit : most_rows;
    const gemm_index rows = ceil_div(g.B, ceil_div(g.B, most)), sdyt = ceil_div(rows + 1, lanes) * lanes;
    T *const panel = work, *const dyt = panel + (rows + 1) * width;
    MaxoutLists m{};
    m.lists = reinterpret_cast<std::uint8_t*>(dyt + g.nO * sdyt);
    m.counts = m.lists + g.nO * g.P * MaxoutLists::capacity;
    for (gemm_index l = 0; l < g.nO * g.P; ++l) g.db[l] = 0;
    for (gemm_index b = 0; b < g.B; b += m.n) {
        m.n = at_most(g.B - b, rows);
        maxout_sort(m, g.which + b * g.swhich, g.swhich, g.nO, g.P);
        const T* const dy = g.dY + b * g.sdY;
        for (gemm_index i = 0; i < m.n; i += lanes) pack_transposed(dyt + i, sdyt, dy + i * g.sdY, g.sdY, m.n - i, g.nO);
        for (gemm_index o = 0; o < g.nO; ++o) dyt[o * sdyt + m.n] = 0;
        for (gemm_index j = 0; j < g.nI; j += width) {
            const gemm_index columns = at_most(g.nI - j, width), vectors = ceil_div(columns, lanes);
            maxout_pack<weight_vectors>(panel, g.X + b * g.sX + j, g.sX, m.n, columns);
            for (gemm_index i = 0; i < width; ++i) panel[m.n * width + i] = 0;
            const auto add = vectors == 1   ? maxout_weight_columns<T, 1>
                             : vectors == 2 ? maxout_weight_columns<T, 2>
                                            : maxout_weight_columns<T, 3>;
            add(g, m, g.dW + j, j == 0 ? g.db : nullptr, dyt, sdyt, panel, columns);
        }
    }
}

// Elements of workspace for both.
template <typename T> std::size_t maxout_workspace(const MaxoutGradient<T>* g) {
    using namespace maxout_limits;
    const gemm_index bytes = gemm_index(sizeof(T)), lanes = Vec<T>::lanes;
    const gemm_index inputs = panel_bytes / bytes + 8 * g->P * input_vectors * lanes + g->P * 8 * lanes;
    const gemm_index weights = panel_bytes / bytes + g->nO * (most_rows + 2 * lanes) + 8 * lanes +
                               g->nO * g->P * (MaxoutLists::capacity + 1) / bytes;
    return static_cast<std::size_t>(inputs > weights ? inputs : weights);
}

// The position (row by row) of the first `which` that is no piece, and then nothing is written, or -1. dX, dW with db:
// what is null is left out.
template <typename T> std::ptrdiff_t maxout_gradient(const MaxoutGradient<T>* call, T* work) {
    const MaxoutGradient<T>& g = *call;
    for (gemm_index b = 0; b < g.B; ++b) {
        const std::uint8_t* const which = g.which + b * g.swhich;
        std::uint8_t highest = 0;
        for (gemm_index o = 0; o < g.nO; ++o) highest = which[o] > highest ? which[o] : highest;
        if (highest < g.P) continue;
        gemm_index o = 0;
        while (which[o] < g.P) ++o;
        return b * g.nO + o;
    }
    if (g.dX) maxout_inputs(g, work);
    if (g.dW) maxout_weights(g, work);
    return -1;
}

}  // namespace thinc::THINC_ISA
