// Windows over rows (seq2col), forward and backward, sums and products, and steps in reverse order. X (B, I) row-major holds n
// sequences of lengths[i] >= 0 rows that sum to B (checked by the caller). float, double. Inputs and outputs do not
// overlap; outputs need not be initialised.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/loop.hh"
#include "thinc/writer.hh"

namespace thinc::THINC_ISA {

// Of out (B, (2 nW + 1) I) the rows from first to last: row j holds the rows j - nW .. j + nW of X, zeros outside the
// sequence of j. The rows of a window lie side by side in X, so that each output row is one copy between two runs of
// zeros.
template <typename T>
void seq2col(T* out, const T* X, const std::int32_t* lengths, std::size_t n, std::size_t I, std::size_t nW,
             std::size_t first, std::size_t last) {
    const std::size_t row = I * sizeof(T), width = (2 * nW + 1) * row;
    std::size_t total = 0;
    for (std::size_t i = 0; i < n; ++i) total += static_cast<std::size_t>(lengths[i]);
    Writer writer;
    writer.begin(out + first * (width / sizeof(T)), total * width);
    std::size_t start = 0;
    for (std::size_t i = 0; i < n && start < last; ++i) {
        const std::size_t rows = static_cast<std::size_t>(lengths[i]);
        const std::size_t end = last - start < rows ? last - start : rows;
        for (std::size_t j = start < first ? first - start : 0; j < end; ++j) {
            const std::size_t before = j < nW ? nW - j : 0, after = rows - 1 - j < nW ? nW - (rows - 1 - j) : 0;
            if (before) writer.zeros(before * row);
            writer.put(X + (j + before - nW) * I, width - (before + after) * row);
            if (after) writer.zeros(after * row);
        }
        X += rows * I;
        start += rows;
    }
    writer.end();
}

// Of dX (B, I) the rows from begin to end: the sum of the gradients of every copy that seq2col made of a row, in the
// order of the windows.
template <typename T>
void backprop_seq2col(T* dX, const T* dY, const std::int32_t* lengths, std::size_t n, std::size_t I, std::size_t nW,
                      std::size_t begin, std::size_t end) {
    using V = Vec<T>;
    const std::size_t F = 2 * nW + 1, width = F * I;
    std::size_t start = 0;
    dX += begin * I;
    for (std::size_t i = 0; i < n && start < end; ++i) {
        const std::size_t rows = static_cast<std::size_t>(lengths[i]);
        for (std::size_t j = start < begin ? begin - start : 0; j < rows && j < end - start; ++j, dX += I) {
            // Row j was copied to slot j - r + nW of each row r within nW of it.
            const std::size_t first = j < nW ? 0 : j - nW, last = j + nW < rows ? j + nW : rows - 1;
            const T* slot = dY + first * width + (j + nW - first) * I;
            const std::size_t step = width - I, copies = last - first + 1;
            std::size_t k = 0;
            for (; k + V::lanes <= I; k += V::lanes) {
                V sum = V::load(slot + k);
                for (std::size_t c = 1; c < copies; ++c) sum = sum + V::load(slot + c * step + k);
                sum.store(dX + k);
            }
            for (; k < I; ++k) {
                T sum = slot[k];
                for (std::size_t c = 1; c < copies; ++c) sum += slot[c * step + k];
                dX[k] = sum;
            }
        }
        dY += rows * width;
        start += rows;
    }
}

struct Add {
    template <typename T> static THINC_INLINE Vec<T> of(Vec<T> x, Vec<T> y) { return x + y; }
};
struct Multiply {
    template <typename T> static THINC_INLINE Vec<T> of(Vec<T> x, Vec<T> y) { return x * y; }
};

// Write F of X and Y, n elements, piece by piece.
template <typename F, typename T> void put_combined(Writer& writer, const T* X, const T* Y, std::size_t n) {
    constexpr std::size_t piece = 1024 / sizeof(T);
    T values[piece];
    for (std::size_t i = 0; i < n; i += piece) {
        const std::size_t size = n - i < piece ? n - i : piece;
        for_each<T>(size, [&](auto at) THINC_INLINE_LAMBDA { at.store(values, F::of(at.load(X + i), at.load(Y + i))); });
        writer.put(values, size * sizeof(T));
    }
}

// out (n) = X + Y or X * Y, correctly rounded. out == X and out == Y allowed, no other overlap. `whole` is the size of the
// array that these elements are a part of: it decides how they are written.
template <typename F, typename T> void combine(T* out, const T* X, const T* Y, std::size_t n, std::size_t whole) {
    if (out != X && out != Y && Writer::streams(whole * sizeof(T))) {
        Writer writer;
        writer.begin(out, whole * sizeof(T));
        put_combined<F>(writer, X, Y, n);
        writer.end();
        return;
    }
    for_each_aligned<T>(out, n, [&](auto at) THINC_INLINE_LAMBDA { at.store(out, F::of(at.load(X), at.load(Y))); });
}

// out (S, B, I) = X plus Y reversed: of each of the B columns, the first lengths[b] <= S steps of Y in reverse order, and
// the others as they are. Rows of X are X_stride elements apart. No array overlaps another. Only the steps from first to
// last are written.
template <typename T>
void add_reversed(T* out, const T* X, std::size_t X_stride, const T* Y, const std::int32_t* lengths, std::size_t S,
                  std::size_t B, std::size_t I, std::size_t first, std::size_t last) {
    const bool streams = Writer::streams(S * B * I * sizeof(T));
    Writer writer;
    out += first * B * I;
    X += first * B * X_stride;
    if (streams) writer.begin(out, S * B * I * sizeof(T));
    for (std::size_t t = first; t < last; ++t) {
        for (std::size_t b = 0; b < B; ++b, out += I, X += X_stride) {
            const std::size_t length = lengths[b] > 0 ? static_cast<std::size_t>(lengths[b]) : 0;
            const T* y = Y + ((t < length ? length - 1 - t : t) * B + b) * I;
            if (streams) put_combined<Add>(writer, X, y, I);
            else combine<Add>(out, X, y, I, I);
        }
    }
    if (streams) writer.end();
}

template <typename T> constexpr Windows<T> window_kernels() {
    return {seq2col<T>, backprop_seq2col<T>, combine<Add, T>, combine<Multiply, T>, add_reversed<T>};
}

}  // namespace thinc::THINC_ISA
