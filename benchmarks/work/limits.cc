// The limits of one core, to hold kernels against: fused multiply-adds on registers, and an update in memory.
// Built for the machine at hand (-march=native), unlike anything that is shipped.
#include <cstddef>

#if defined(__AVX512F__)
constexpr int kBytes = 64, kChains = 24;
#elif defined(__AVX2__)
constexpr int kBytes = 32, kChains = 12;
#else
constexpr int kBytes = 16, kChains = 24;
#endif
typedef float vec __attribute__((vector_size(kBytes)));

extern "C" {
// At least `flops` float32 operations: kChains independent chains of y = y * a + b hide the latency of the units.
float fma_peak(double flops) {
    const std::size_t rounds = static_cast<std::size_t>(flops / (2.0 * kChains * (kBytes / sizeof(float)))) + 1;
    volatile float unknown = 0.5f;  // keeps the compiler from computing the result beforehand
    const float seed = unknown;
    vec y[kChains];
    const vec a = vec{} + seed, b = vec{} + seed * 0.5f;
#pragma GCC unroll 32
    for (int c = 0; c < kChains; ++c) y[c] = vec{} + seed * static_cast<float>(c);
    for (std::size_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 32
        for (int c = 0; c < kChains; ++c) y[c] = y[c] * a + b;
    }
    vec sum = {};
    for (int c = 0; c < kChains; ++c) sum += y[c];
    float result = 0;
    for (std::size_t lane = 0; lane < kBytes / sizeof(float); ++lane) result += sum[lane];
    return result;
}

// Reads and writes weights, both moments and the gradient, with next to no arithmetic.
void update(float* __restrict w, float* __restrict m, float* __restrict v, float* __restrict g, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        m[i] = 0.5f * m[i] + g[i];
        v[i] = 0.5f * v[i] + g[i];
        w[i] -= m[i];
        g[i] = 0.0f;
    }
}
}
