// Attention over the threads of the pool: the heads of the sequences, each the work of one thread.
#pragma once
#include <atomic>
#include <cmath>

#include "_split_sequences.hh"

namespace thinc {

// B sequences, one after another: N rows in all. Rows of X have the queries of all heads, then the keys, the values.
template <typename T> struct AttentionBatch {
    const std::int32_t* lengths;  // (B,)
    std::size_t B, N, heads, width;
    const T* X;      // (N, 3 * heads * width)
    T *Y, *norms;    // (N, heads * width), (heads, N)
    const T* dY;     // (N, heads * width); the way back
    T* dX;           // (N, 3 * heads * width)
    bool causal;
    double rate;        // of dropout, below 1
    std::uint64_t key;  // of the random bits
};

// Elements of the random stream for a row: as many as the longest sequence has rows, in whole groups.
template <typename T> std::uint64_t attention_row_bits(const AttentionBatch<T>& batch) {
    std::int32_t longest = 0;
    for (std::size_t b = 0; b < batch.B; ++b) longest = std::max(longest, batch.lengths[b]);
    return (std::uint64_t(longest) + 63) / 64 * 64;
}

// f(head, offset) for all heads of all sequences; `offset` is that of its first row and column in (N, heads * width).
template <typename T, typename F>
void split_heads(const Threads& threads, const AttentionBatch<T>& batch, double nanoseconds, const F& f) {
    const std::size_t H = batch.heads, w = batch.width, units = batch.B * H;
    if (units == 0) return;
    double pairs = 0;
    for (std::size_t b = 0; b < batch.B; ++b) pairs += double(batch.lengths[b]) * double(batch.lengths[b]);
    const std::uint64_t row_bits = attention_row_bits(batch);
    const double threshold = std::min(std::ceil(batch.rate * 4294967296.0), 4294967295.0);
    split(threads, Index(units), nanoseconds * double(w) * pairs / double(batch.B), 1, [&](Index begin, Index end) {
        std::size_t b = 0, start = 0;
        for (Index unit = begin; unit < end; ++unit) {
            const std::size_t h = std::size_t(unit) % H;
            while (b < std::size_t(unit) / H) start += std::size_t(batch.lengths[b++]);
            AttentionHead<T> head{};
            head.rows = batch.lengths[b], head.width = Index(w);
            head.Q = batch.X + start * 3 * H * w + h * w;
            head.K = head.Q + H * w, head.V = head.K + H * w, head.sX = Index(3 * H * w);
            head.Y = batch.Y + start * H * w + h * w, head.sY = Index(H * w);
            head.norms = batch.norms + h * batch.N + start;
            head.scale = T(1 / std::sqrt(double(w))), head.causal = batch.causal;
            head.key = batch.key, head.row_bits = row_bits, head.first = (h * batch.N + start) * row_bits;
            head.threshold = std::uint32_t(threshold), head.rate = batch.rate;
            head.kept = float(1 / (1 - batch.rate));
            f(head, start, h * w);
        }
    });
}

// False if there was no memory.
template <typename T>
bool split_attention(const Threads* threads, const RealKernels<T>* kernels, const AttentionBatch<T>* batch) {
    std::atomic<bool> failed{false};
    split_heads(*threads, *batch, 0.05, [&](const AttentionHead<T>& head, std::size_t, std::size_t) {
        T* const work = static_cast<T*>(thread_workspace(kernels->attention.workspace(&head) * sizeof(T)));
        if (work) kernels->attention.forward(&head, work);
        else failed = true;
    });
    return !failed;
}

template <typename T>
bool split_backprop_attention(const Threads* threads, const RealKernels<T>* kernels, const AttentionBatch<T>* batch) {
    std::atomic<bool> failed{false};
    const std::size_t nO = batch->heads * batch->width;
    split_heads(*threads, *batch, 0.1, [&](const AttentionHead<T>& head, std::size_t row, std::size_t column) {
        T* const work = static_cast<T*>(thread_workspace(kernels->attention.backprop_workspace(&head) * sizeof(T)));
        if (!work) {
            failed = true;
            return;
        }
        T* const dQ = batch->dX + row * 3 * nO + column;
        const AttentionGradient<T> gradient{batch->dY + row * nO + column, Index(nO), dQ, dQ + nO, dQ + 2 * nO,
                                            Index(3 * nO)};
        kernels->attention.backprop(&head, &gradient, work);
    });
    return !failed;
}

// The first `heads` heads of rows of X (N, columns), of B sequences, in place; waves (longest, width).
template <typename T>
void split_rotate(const Threads* threads, const RealKernels<T>* kernels, T* X, const T* waves,
                  const std::int32_t* lengths, std::size_t B, std::size_t N, std::size_t columns, std::size_t heads,
                  std::size_t width, bool back) {
    split_sequences(*threads, lengths, B, N, 0.1 * sizeof(T) * double(heads * width),
                    [=](std::size_t b, std::size_t end, std::size_t r) {
                        for (; b < end; r += std::size_t(lengths[b++]))
                            kernels->attention.rotate(X + r * columns, Index(columns), waves, lengths[b], Index(heads),
                                                      Index(width), back);
                    });
}

}  // namespace thinc
