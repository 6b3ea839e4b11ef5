// Random bits and dropout masks by Philox4x32-10, a counter-based generator (Salmon, Moraes, Dror, Shaw: "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011). Element i depends on the key and on i alone, so that every instruction
// set, array size and division of the work gives the same stream.
//
// Elements come in groups of 64 = 16 blocks of 4 words: element 64 g + 16 w + b is word w of the block with counter
// (c mod 2^32, c div 2^32, 0, 0), c = 16 g + b. The key is (key mod 2^32, key div 2^32). Readable twin:
// thinc/backends/_random_reference.py.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/vec.hh"

namespace thinc::THINC_ISA {

// The words of 2 * lanes blocks (lanes of uint64: `lanes` here), the first being number `counter`. A 64-bit lane holds
// one word; its upper half is left with garbage, which the multiplication does not read.
struct PhiloxBlocks {
    using W = Vec<std::uint64_t>;
    using U = Vec<std::uint32_t>;
    static constexpr std::size_t blocks = U::lanes;
    U words[4];

    template <int Step> struct Every {
        static constexpr int at(int i) { return Step * i; }
    };
    static THINC_INLINE void rounds(W x[4], std::uint64_t key) {
        const W m0 = W::fill(0xD2511F53u), m1 = W::fill(0xCD9E8D57u);
        std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
        for (int r = 0; r < 10; ++r, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
            const W p0 = multiply_low_halves(m0, x[0]), p1 = multiply_low_halves(m1, x[2]);
            x[0] = (p1 >> 32) ^ x[1] ^ W::fill(k0);
            x[1] = p1;
            x[2] = (p0 >> 32) ^ x[3] ^ W::fill(k1);
            x[3] = p0;
        }
    }
    THINC_INLINE PhiloxBlocks(std::uint64_t key, std::uint64_t counter) {
        const W c = W::fill(counter) + constants<Every<2>, std::uint64_t>();
        const W low = W::fill(0xffffffffu), zero = W::fill(0);
        W even[4] = {c, c >> 32, zero, zero};
        const W d = c + W::fill(1);
        W odd[4] = {d, d >> 32, zero, zero};
        rounds(even, key);
        rounds(odd, key);
        for (int w = 0; w < 4; ++w) words[w] = bit_cast_words((even[w] & low) | (odd[w] << 32));
    }
    static THINC_INLINE U bit_cast_words(W x) { return {reinterpret_cast<U::raw>(x.v)}; }
};

// Calls emit(position in the group, words) for the 64 elements of group g.
template <typename F> THINC_INLINE void philox_group(std::uint64_t key, std::uint64_t g, F emit) {
    for (std::size_t b = 0; b < 16; b += PhiloxBlocks::blocks) {
        const PhiloxBlocks x(key, 16 * g + b);
        for (std::size_t w = 0; w < 4; ++w) emit(16 * w + b, x.words[w]);
    }
}

// out[i] = the 32 bits of element first + i; first is a multiple of 64.
inline void random_bits(std::uint32_t* out, std::size_t n, std::uint64_t key, std::uint64_t first) {
    std::uint32_t part[64];
    for (std::size_t i = 0; i < n; i += 64) {
        std::uint32_t* target = n - i < 64 ? part : out + i;
        philox_group(key, (first + i) / 64, [&](std::size_t j, PhiloxBlocks::U bits) THINC_INLINE_LAMBDA {
            bits.store(target + j);
        });
        if (target == part) __builtin_memcpy(out + i, part, (n - i) * sizeof(std::uint32_t));
    }
}

// mask[i] = scale where the bits of element first + i are >= threshold, else 0; first is a multiple of 64.
inline void dropout_mask(float* mask, std::size_t n, std::uint64_t key, std::uint64_t first, std::uint32_t threshold,
                         float scale) {
    using U = PhiloxBlocks::U;
    const U limit = U::fill(threshold);
    const Vec<float> zero = Vec<float>::fill(0), kept = Vec<float>::fill(scale);
    float part[64];
    for (std::size_t i = 0; i < n; i += 64) {
        float* target = n - i < 64 ? part : mask + i;
        philox_group(key, (first + i) / 64, [&](std::size_t j, U bits) THINC_INLINE_LAMBDA {
            select(Mask<float>{ge(bits, limit).m}, kept, zero).store(target + j);
        });
        if (target == part) __builtin_memcpy(mask + i, part, (n - i) * sizeof(float));
    }
}

constexpr Random random_kernels() { return {random_bits, dropout_mask}; }

}  // namespace thinc::THINC_ISA
