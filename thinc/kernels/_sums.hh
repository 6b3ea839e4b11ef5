// Sums over many items with the threads of the pool: of chunks whose bounds depend on the number of items alone, added
// in order, so that one thread gives the same bits as several.
#pragma once
#include <cstddef>

#include "_parallel.hh"
#include "thinc/workspace.hh"

namespace thinc {

// Items whose chunks are counted through: `count` lists, list k of chunks(k) chunks. f(k, first, last, number) for
// ranges of the chunks of a list; `number` is that of the first one. Of a long list each part has the same share, so
// that a thread meets the half of an array again that it had in other operations; short ones are shared out together.
template <typename Chunks, typename F>
void split_lists(const Threads& threads, std::size_t count, const Chunks& chunks, double nanoseconds, const F& f) {
    std::ptrdiff_t total = 0, in_short = 0;
    for (std::size_t k = 0; k < count; ++k) total += chunks(k);
    if (total == 0) return;
    const std::ptrdiff_t parts = count_parts(threads, total, nanoseconds);
    for (std::size_t k = 0; k < count; ++k) in_short += chunks(k) < parts ? chunks(k) : 0;
    split_evenly(threads, parts, [&](std::ptrdiff_t part) {
        const std::ptrdiff_t begin = in_short * part / parts, end = in_short * (part + 1) / parts;
        std::ptrdiff_t number = 0, before = 0;  // chunks of the lists before, and of the short ones among them
        for (std::size_t k = 0; k < count; ++k) {
            const std::ptrdiff_t n = chunks(k);
            std::ptrdiff_t first = n * part / parts, last = n * (part + 1) / parts;
            if (n < parts) {
                first = std::max(begin - before, std::ptrdiff_t(0)), last = std::min(end - before, n);
                before += n;
            }
            if (first < last) f(k, first, last, number + first);
            number += n;
        }
    });
}

inline std::ptrdiff_t count_chunks(std::size_t n, std::ptrdiff_t size) { return (std::ptrdiff_t(n) + size - 1) / size; }

// The sum of f(begin, end), a number or several of them, over the chunks of [0, n), each of which is called for once;
// from the last one to the first: that is where whoever reads the items again begins.
template <typename F>
auto sum_chunks(const Threads& threads, std::size_t n, std::ptrdiff_t size, double nanoseconds, const F& f) {
    using Sum = decltype(f(std::ptrdiff_t(0), std::ptrdiff_t(0)));
    if (std::ptrdiff_t(n) <= size) return f(std::ptrdiff_t(0), std::ptrdiff_t(n));
    const std::ptrdiff_t chunks = count_chunks(n, size);
    const auto chunk = [&](std::ptrdiff_t c) { return f(c * size, std::min((c + 1) * size, std::ptrdiff_t(n))); };
    Sum sum = {}, *sums = nullptr;
    if (count_parts(threads, chunks, nanoseconds * double(size)) > 1)
        sums = static_cast<Sum*>(thread_workspace(std::size_t(chunks) * sizeof(Sum)));
    if (sums)
        split(threads, chunks, nanoseconds * double(size), 1, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
            for (std::ptrdiff_t c = begin; c < end; ++c) sums[c] = chunk(c);
        });
    for (std::ptrdiff_t c = chunks; c-- > 0;) sum += sums ? sums[c] : chunk(c);
    return sum;
}

// How many rows of n columns make a chunk: some ten microseconds' worth, whole blocks of 64, and never more than 64
// chunks, whose sums take little memory then.
constexpr std::size_t most_row_chunks = 64;
inline std::ptrdiff_t rows_of_chunk(std::size_t rows, std::size_t n) {
    const std::size_t least =
        std::max(65536 / std::max(n, std::size_t(1)), (rows + most_row_chunks - 1) / most_row_chunks);
    return std::ptrdiff_t(std::max(least + 63, std::size_t(64)) / 64 * 64);
}

// K sums over rows, n columns each: f(sums, first row, end row) writes those of one chunk of rows. If there is no
// memory for the sums of the chunks, all rows are one chunk.
template <std::size_t K, typename T, typename F>
void sum_row_chunks(const Threads& threads, T* const (&sums)[K], std::size_t rows, std::size_t n, double nanoseconds,
                    const F& f) {
    const std::ptrdiff_t size = rows_of_chunk(rows, n), chunks = count_chunks(rows, size);
    const double cost = nanoseconds * double(n) * double(size);
    const bool is_split = chunks > 1 && count_parts(threads, chunks, cost) > 1;
    T* const others = static_cast<T*>(
        chunks > 1 ? thread_workspace((is_split ? std::size_t(chunks) - 1 : 1) * K * n * sizeof(T)) : nullptr);
    if (!others) return f(sums, std::ptrdiff_t(0), std::ptrdiff_t(rows));
    const auto chunk = [&](std::ptrdiff_t c, T* to) {  // the first one goes where the total will be
        T* parts[K];
        for (std::size_t k = 0; k < K; ++k) parts[k] = c == 0 ? sums[k] : to + k * n;
        f(parts, c * size, std::min((c + 1) * size, std::ptrdiff_t(rows)));
    };
    const auto place = [&](std::ptrdiff_t c) { return others + (is_split && c ? std::size_t(c) - 1 : 0) * K * n; };
    if (is_split)
        split(threads, chunks, cost, 1, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
            for (std::ptrdiff_t c = begin; c < end; ++c) chunk(c, place(c));
        });
    else chunk(0, others);
    for (std::ptrdiff_t c = 1; c < chunks; ++c) {
        if (!is_split) chunk(c, others);
        for (std::size_t k = 0; k < K; ++k)
            for (std::size_t i = 0; i < n; ++i) sums[k][i] += place(c)[k * n + i];
    }
}

}  // namespace thinc
