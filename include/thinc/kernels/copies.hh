// Copies in another order. float, double; bits are kept, whatever they stand for.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/kernels/gemm_pack.hh"

namespace thinc::THINC_ISA {

// to[j * to_stride + i] = x[i * stride + j] for i < rows, j < columns. No overlap. Blocks of a vector of rows, so that
// `to` is written in whole vectors, one row after the other.
template <typename T>
void transpose(T* to, std::size_t to_stride, const T* x, std::size_t stride, std::size_t rows, std::size_t columns) {
    constexpr std::size_t lanes = Vec<T>::lanes;
    if (rows < lanes) {
        for (std::size_t j = 0; j < columns; ++j)
            for (std::size_t i = 0; i < rows; ++i) to[j * to_stride + i] = x[i * stride + j];
        return;
    }
    for (std::size_t i = 0; i < rows; i += lanes) {
        const std::size_t first = i + lanes <= rows ? i : rows - lanes;  // the last block does some rows again
        pack_transposed(to + first, static_cast<gemm_index>(to_stride), x + first * stride,
                        static_cast<gemm_index>(stride), static_cast<gemm_index>(lanes),
                        static_cast<gemm_index>(columns));
    }
}

template <typename T> constexpr Copies<T> copy_kernels() { return {transpose<T>}; }

}  // namespace thinc::THINC_ISA
