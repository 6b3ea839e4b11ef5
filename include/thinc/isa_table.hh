// Fills the table of one instruction set. Included once by each thinc/kernels/_isa/*.cpp, which names it.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/kernels/activations.hh"
#include "thinc/kernels/attention.hh"
#include "thinc/kernels/batching.hh"
#include "thinc/kernels/copies.hh"
#include "thinc/kernels/cross_entropy.hh"
#include "thinc/kernels/dropout.hh"
#include "thinc/kernels/elementary.hh"
#include "thinc/kernels/elementwise_losses.hh"
#include "thinc/kernels/gated.hh"
#include "thinc/kernels/gather.hh"
#include "thinc/kernels/gemm_parts.hh"
#include "thinc/kernels/hashing.hh"
#include "thinc/kernels/layernorm.hh"
#include "thinc/kernels/losses.hh"
#include "thinc/kernels/lstm.hh"
#include "thinc/kernels/maxout.hh"
#include "thinc/kernels/maxout_dense.hh"
#include "thinc/kernels/optimizers.hh"
#include "thinc/kernels/query_attention.hh"
#include "thinc/kernels/random.hh"
#include "thinc/kernels/reduce.hh"
#include "thinc/kernels/sequences.hh"
#include "thinc/kernels/softmax.hh"

#define THINC_STRINGIFY_(x) #x
#define THINC_STRINGIFY(x) THINC_STRINGIFY_(x)

namespace thinc::THINC_ISA {

template <typename T> constexpr RealKernels<T> fill_real_kernels() {
    return {
        activation_kernels<T>(),
        elementary_kernels<T>(),
        softmax_kernels<T>(),
        normalizer_kernels<T>(),
        dropout_kernels<T>(),
        maxout_kernels<T>(),
        maxout_dense_kernels<T>(),
        reduction_kernels<T>(),
        window_kernels<T>(),
        table_kernels<T>(),
        gemm_kernels<T>(),
        lstm_kernels<T>(),
        gated_kernels<T>(),
        attention_kernels<T>(),
        query_attention_kernels<T>(),
        optimizer_kernels<T>(),
        loss_kernels<T>(),
        copy_kernels<T>(),
    };
}

extern const Kernels kernels;
const Kernels kernels = {
    THINC_STRINGIFY(THINC_ISA),
    fill_real_kernels<float>(),
    fill_real_kernels<double>(),
    random_kernels(),
    hashing_kernels(),
    batching_kernels(),
};

}  // namespace thinc::THINC_ISA
