// CPU features by feature bits (cpuid, xgetbv), never by family or model: what may be run on this machine.
#pragma once
#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace thinc {

struct CpuFeatures {
    bool sse42 = false, avx2 = false, fma = false, avx512f = false, avx512dq = false, avx512bw = false,
         avx512vl = false, neon = false;

    bool has_avx2() const { return avx2 && fma; }
    bool has_avx512() const { return has_avx2() && avx512f && avx512dq && avx512bw && avx512vl; }
};

#if defined(__x86_64__) || defined(_M_X64)
namespace detail {
inline void cpuid(std::uint32_t leaf, std::uint32_t sub, std::uint32_t r[4]) {
#if defined(_MSC_VER)
    int regs[4];
    __cpuidex(regs, static_cast<int>(leaf), static_cast<int>(sub));
    for (int i = 0; i < 4; ++i) r[i] = static_cast<std::uint32_t>(regs[i]);
#else
    r[0] = r[1] = r[2] = r[3] = 0;
    __get_cpuid_count(leaf, sub, &r[0], &r[1], &r[2], &r[3]);
#endif
}

// Which register files the operating system saves; a CPU bit alone does not say that an instruction may be used.
inline std::uint64_t xcr0() {
#if defined(_MSC_VER)
    return _xgetbv(0);
#else
    std::uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (static_cast<std::uint64_t>(hi) << 32) | lo;
#endif
}
}  // namespace detail

inline CpuFeatures cpu_features() {
    CpuFeatures f;
    std::uint32_t r[4];
    detail::cpuid(1, 0, r);
    f.sse42 = r[2] >> 20 & 1;
    const bool osxsave = r[2] >> 27 & 1, avx = r[2] >> 28 & 1, fma = r[2] >> 12 & 1;
    if (!osxsave || !avx) return f;
    const std::uint64_t saved = detail::xcr0();
    const bool ymm = (saved & 0x06) == 0x06, zmm = (saved & 0xe6) == 0xe6;
    detail::cpuid(7, 0, r);
    f.fma = ymm && fma;
    f.avx2 = ymm && (r[1] >> 5 & 1);
    f.avx512f = zmm && (r[1] >> 16 & 1);
    f.avx512dq = zmm && (r[1] >> 17 & 1);
    f.avx512bw = zmm && (r[1] >> 30 & 1);
    f.avx512vl = zmm && (r[1] >> 31 & 1);
    return f;
}
#else
inline CpuFeatures cpu_features() {
    CpuFeatures f;
#if defined(__aarch64__) || defined(_M_ARM64)
    f.neon = true;
#endif
    return f;
}
#endif

}  // namespace thinc
