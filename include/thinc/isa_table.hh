// Fills the table of one instruction set. Included once by each thinc/kernels/_isa/*.cpp, which names it.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/kernels/activations.hh"
#include "thinc/kernels/layernorm.hh"
#include "thinc/kernels/maxout.hh"
#include "thinc/kernels/random.hh"
#include "thinc/kernels/softmax.hh"

#define THINC_STRINGIFY_(x) #x
#define THINC_STRINGIFY(x) THINC_STRINGIFY_(x)

namespace thinc::THINC_ISA {

template <typename T> constexpr RealKernels<T> fill_real_kernels() {
    return {
        activation_kernels<T>(),
        softmax_kernels<T>(),
        normalizer_kernels<T>(),
        maxout_kernels<T>(),
    };
}

extern const Kernels kernels;
const Kernels kernels = {
    THINC_STRINGIFY(THINC_ISA),
    fill_real_kernels<float>(),
    fill_real_kernels<double>(),
    random_kernels(),
};

}  // namespace thinc::THINC_ISA
