// Copies in another order. float, double; bits are kept, whatever they stand for.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/kernels/gemm_pack.hh"
#include "thinc/simd/wide.hh"

namespace thinc::THINC_ISA {

// to[j * to_stride + i] = x[i * stride + j] for i < rows, j < columns. No overlap. Blocks of a vector of rows, so that
// `to` is written in whole vectors, one row after the other; the hardware does not foresee where, so lines are asked for
// (8192x300 float32, which come from the last cache or from memory: 2 times as fast).
template <typename T>
void transpose(T* to, std::size_t to_stride, const T* x, std::size_t stride, std::size_t rows, std::size_t columns) {
    constexpr std::size_t lanes = Vec<T>::lanes, piece = 16 / sizeof(T), ahead = 8;
    if (rows < lanes) {
        for (std::size_t j = 0; j < columns; ++j)
            for (std::size_t i = 0; i < rows; ++i) to[j * to_stride + i] = x[i * stride + j];
        return;
    }
    for (std::size_t i = 0; i < rows; i += lanes) {
        const std::size_t first = i + lanes <= rows ? i : rows - lanes;  // the last block does some rows again
        const T* from = x + first * stride;
        T* out = to + first;
        std::size_t j = 0;
        for (; j + piece <= columns; j += piece, out += piece * to_stride) {
            for (std::size_t k = ahead; k < ahead + piece; ++k)
                prefetch_address<1>(reinterpret_cast<std::uintptr_t>(out) + k * to_stride * sizeof(T));
            transpose_pieces(out, static_cast<gemm_index>(to_stride), [&](int row) THINC_INLINE_LAMBDA {
                return from + static_cast<std::size_t>(row) * stride + j;
            });
        }
        for (; j < columns; ++j, out += to_stride)
            for (std::size_t k = 0; k < lanes; ++k) out[k] = from[k * stride + j];
    }
}

template <typename T> constexpr Copies<T> copy_kernels() { return {transpose<T>}; }

}  // namespace thinc::THINC_ISA
