// The table of kernels: what Cython sees. One filled table per instruction set; see kernels/*.hh for the contracts.
// A family has a struct of its own; RealKernels gathers those that exist for float and double.
#pragma once
#include <cstddef>
#include <cstdint>

#include "thinc/cpu.hh"

namespace thinc {

// --- activations (kernels/activations.hh)
template <typename T> struct Activations {
    void (*relu)(T* y, const T* x, std::size_t n);
    void (*backprop_relu)(T* dx, const T* dy, const T* y, std::size_t n);
};

// --- everything that exists for float and for double
template <typename T> struct RealKernels {
    Activations<T> activations;
};

struct Kernels {
    const char* isa;
    RealKernels<float> f32;
    RealKernels<double> f64;
};

// The half of the table that takes arrays of the argument's type (the pointer itself is not used).
inline const RealKernels<float>* real_kernels(const Kernels* k, const float*) { return &k->f32; }
inline const RealKernels<double>* real_kernels(const Kernels* k, const double*) { return &k->f64; }

namespace baseline { extern const Kernels kernels; }
namespace avx2 { extern const Kernels kernels; }
namespace avx512 { extern const Kernels kernels; }
namespace neon { extern const Kernels kernels; }

// The variants that were built and that this CPU can run, worst first; returns how many.
inline int available_kernels([[maybe_unused]] const Kernels* found[4]) {
    int n = 0;
#if defined(THINC_HAS_BASELINE)
    found[n++] = &baseline::kernels;
#endif
#if defined(THINC_HAS_NEON)
    found[n++] = &neon::kernels;
#endif
#if defined(THINC_HAS_AVX2)
    if (cpu_features().has_avx2()) found[n++] = &avx2::kernels;
#endif
#if defined(THINC_HAS_AVX512)
    if (cpu_features().has_avx512()) found[n++] = &avx512::kernels;
#endif
    return n;
}

}  // namespace thinc
