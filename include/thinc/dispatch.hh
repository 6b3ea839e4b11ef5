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

// --- reductions (kernels/reduce.hh)
template <typename T> struct Reductions {
    void (*reduce_sum)(T* out, const T* X, const std::int32_t* lengths, std::size_t B, std::size_t O);
    void (*reduce_mean)(T* out, const T* X, const std::int32_t* lengths, std::size_t B, std::size_t O);
    void (*reduce_max)(T* maxes, std::int32_t* which, const T* X, const std::int32_t* lengths, std::size_t B,
                       std::size_t O);
    void (*backprop_reduce_sum)(T* dX, const T* d, const std::int32_t* lengths, std::size_t B, std::size_t O);
    void (*backprop_reduce_mean)(T* dX, const T* d, const std::int32_t* lengths, std::size_t B, std::size_t O);
    std::ptrdiff_t (*backprop_reduce_max)(T* dX, const T* d, const std::int32_t* which, const std::int32_t* lengths,
                                          std::size_t B, std::size_t O);
};

// --- windows (kernels/sequences.hh)
template <typename T> struct Windows {
    void (*seq2col)(T* out, const T* X, const std::int32_t* lengths, std::size_t n, std::size_t I, std::size_t nW);
    void (*backprop_seq2col)(T* dX, const T* dY, const std::int32_t* lengths, std::size_t n, std::size_t I,
                             std::size_t nW);
};

// --- tables (kernels/gather.hh)
template <typename T> struct Tables {
    std::ptrdiff_t (*gather_add)(T* out, const T* table, const std::int32_t* indices, std::size_t rows, std::size_t O,
                                 std::size_t B, std::size_t K);
    std::ptrdiff_t (*scatter_add)(T* table, const std::int32_t* indices, const T* values, std::size_t rows,
                                  std::size_t O, std::size_t B, std::size_t K);
};

// --- hashing (kernels/hashing.hh)
struct Hashing {
    void (*hash_ids)(std::uint32_t* out, const std::uint64_t* ids, std::uint32_t seed, std::size_t n);
    void (*hash_rows)(std::int32_t* rows, const std::uint64_t* ids, std::uint32_t seed, std::uint32_t T,
                      std::size_t n);
    void (*hash_ngrams)(std::uint64_t* out, const std::uint64_t* keys, std::size_t size, std::size_t n);
};

// --- matrix products (kernels/gemm*.hh): C (M, N) = alpha * A (M, K) B (K, N) + bias + beta * C
template <typename T> struct GemmCall {
    std::ptrdiff_t M, N, K;
    const T* A;
    std::ptrdiff_t rsa, csa;  // elements between rows, between columns; one of them is 1
    const T* B;
    std::ptrdiff_t rsb, csb;  // likewise
    T* C;
    std::ptrdiff_t rsc;  // between rows; columns are adjacent
    T alpha, beta;
    const T* bias;  // (N,) or null
};
constexpr std::size_t gemm_least_work = 2048;
template <typename T> struct Gemm {
    std::size_t (*workspace)(const GemmCall<T>* call);  // elements that gemm would like to have in `work`
    void (*gemm)(const GemmCall<T>* call, T* work, std::size_t size);  // size: that, or at least gemm_least_work
    void (*axpy)(T* y, T alpha, const T* x, std::size_t n);
};

// --- everything that exists for float and for double
template <typename T> struct RealKernels {
    Activations<T> activations;
    Reductions<T> reductions;
    Windows<T> windows;
    Tables<T> tables;
    Gemm<T> gemm;
};

struct Kernels {
    const char* isa;
    RealKernels<float> f32;
    RealKernels<double> f64;
    Hashing hashing;
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
