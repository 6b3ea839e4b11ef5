// Embedding tables: sums of gathered rows, and their gradient scattered back. float, double. A row index outside the
// table is returned as its position in `indices`, and nothing has been written; -1 means done.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/vec.hh"

namespace thinc::THINC_ISA {

// Position of the first index that is not below T (negative ones included unless `skip_negative`), or -1.
inline std::ptrdiff_t first_bad_index(const std::int32_t* indices, std::size_t n, std::size_t T, bool skip_negative) {
    const std::uint32_t limit = T > 0x7fffffff ? 0x80000000u : static_cast<std::uint32_t>(T);
    const std::uint32_t negative = skip_negative ? 0 : ~0u;
    for (std::size_t start = 0; start < n; start += 256) {  // whole blocks first: the test vectorises
        const std::size_t end = start + 256 < n ? start + 256 : n;
        std::uint32_t bad = 0;
        for (std::size_t i = start; i < end; ++i) {
            const std::uint32_t index = static_cast<std::uint32_t>(indices[i]);
            bad |= (index >= limit) & ((index >> 31 ? negative : ~0u) != 0);
        }
        if (!bad) continue;
        for (std::size_t i = start; i < end; ++i)
            if (static_cast<std::uint32_t>(indices[i]) >= limit && (indices[i] >= 0 || !skip_negative))
                return static_cast<std::ptrdiff_t>(i);
    }
    return -1;
}

// out (B, O): out[b] = sum over k of table[indices[b, k]], in the order of k; zeros for K = 0. table (T, O).
template <typename R>
std::ptrdiff_t gather_add(R* out, const R* table, const std::int32_t* indices, std::size_t T, std::size_t O,
                          std::size_t B, std::size_t K) {
    using V = Vec<R>;
    const std::ptrdiff_t bad = first_bad_index(indices, B * K, T, false);
    if (bad >= 0) return bad;
    if (K == 0) __builtin_memset(out, 0, B * O * sizeof(R));
    if (K == 0) return -1;
    for (std::size_t b = 0; b < B; ++b, indices += K, out += O) {
        if (b + 4 < B)  // rows are scattered: ask for those of a later batch item early
            for (std::size_t k = 0; k < K; ++k)
                __builtin_prefetch(table + static_cast<std::size_t>(indices[4 * K + k]) * O);
        std::size_t j = 0;
        for (; j + V::lanes <= O; j += V::lanes) {
            V sum = V::load(table + static_cast<std::size_t>(indices[0]) * O + j);
            for (std::size_t k = 1; k < K; ++k)
                sum = sum + V::load(table + static_cast<std::size_t>(indices[k]) * O + j);
            sum.store(out + j);
        }
        for (; j < O; ++j) {
            R sum = table[static_cast<std::size_t>(indices[0]) * O + j];
            for (std::size_t k = 1; k < K; ++k) sum += table[static_cast<std::size_t>(indices[k]) * O + j];
            out[j] = sum;
        }
    }
    return -1;
}

// row += values, O elements.
template <typename R> THINC_INLINE void add_to_row(R* row, const R* values, std::size_t O) {
    using V = Vec<R>;
    std::size_t j = 0;
    for (; j + V::lanes <= O; j += V::lanes) (V::load(row + j) + V::load(values + j)).store(row + j);
    for (; j < O; ++j) row[j] += values[j];
}

// Which of `parts` a row of a table belongs to: eight neighbours to one, and otherwise as chance has it, since the rows
// of frequent words may all be at the beginning.
inline std::uint32_t part_of_row(std::int32_t row, std::uint32_t parts) {
    return ((static_cast<std::uint32_t>(row) / 8 * 0x9e3779b1u >> 16) * parts) >> 16;
}

// table[indices[b, k]] += values[b] for every b and k, in that order; negative indices are skipped, and so are rows that
// belong to another of the parts, at most 65536.
template <typename R>
std::ptrdiff_t scatter_add(R* table, const std::int32_t* indices, const R* values, std::size_t T, std::size_t O,
                           std::size_t B, std::size_t K, std::uint32_t part, std::uint32_t parts) {
    const std::ptrdiff_t bad = first_bad_index(indices, B * K, T, true);
    if (bad >= 0) return bad;
    if (parts == 1) {
        for (std::size_t b = 0; b < B; ++b, values += O)
            for (std::size_t k = 0; k < K; ++k)
                if (indices[b * K + k] >= 0)
                    add_to_row(table + static_cast<std::size_t>(indices[b * K + k]) * O, values, O);
        return -1;
    }
    // Which rows are ours cannot be foreseen: they are listed without branches first.
    constexpr std::size_t many = 256;
    std::size_t from[many], count = 0;
    std::int32_t to[many];
    const auto add_listed = [&] {
        for (std::size_t i = 0; i < count; ++i)
            add_to_row(table + static_cast<std::size_t>(to[i]) * O, values + from[i] * O, O);
        count = 0;
    };
    for (std::size_t b = 0; b < B; ++b) {
        for (std::size_t k = 0; k < K; ++k) {
            const std::int32_t row = indices[b * K + k];
            to[count] = row;
            from[count] = b;
            count += (row >= 0) & (part_of_row(row, parts) == part);
            if (count == many) add_listed();
        }
    }
    add_listed();
    return -1;
}

template <typename T> constexpr Tables<T> table_kernels() { return {gather_add<T>, scatter_add<T>}; }

}  // namespace thinc::THINC_ISA
