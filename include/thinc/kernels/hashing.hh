// MurmurHash (A. Appleby, public domain algorithms) of 64-bit ids; bit-exact on every machine: trained embeddings and
// text classifiers depend on the values.
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/vec.hh"

namespace thinc::THINC_ISA {

THINC_INLINE std::uint64_t rotate_left(std::uint64_t x, int n) { return (x << n) | (x >> (64 - n)); }

THINC_INLINE std::uint64_t murmur_finish(std::uint64_t h) {
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ (h >> 33);
}

// MurmurHash3_x64_128 of the 8 little-endian bytes of an id: only the tail step of the algorithm applies.
THINC_INLINE void murmur3_128(std::uint64_t id, std::uint32_t seed, std::uint64_t& h1, std::uint64_t& h2) {
    const std::uint64_t k = rotate_left(id * 0x87c37b91114253d5ULL, 31) * 0x4cf5ad432745937fULL;
    h1 = (seed ^ k) ^ 8;
    h2 = static_cast<std::uint64_t>(seed) ^ 8;
    h1 += h2;
    h2 += h1;
    h1 = murmur_finish(h1);
    h2 = murmur_finish(h2);
    h1 += h2;
    h2 += h1;
}

// out (n, 4): low and high word of h1, low and high word of h2.
inline void hash_ids(std::uint32_t* out, const std::uint64_t* ids, std::uint32_t seed, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        std::uint64_t h1, h2;
        murmur3_128(ids[i], seed, h1, h2);
        out[4 * i] = static_cast<std::uint32_t>(h1);
        out[4 * i + 1] = static_cast<std::uint32_t>(h1 >> 32);
        out[4 * i + 2] = static_cast<std::uint32_t>(h2);
        out[4 * i + 3] = static_cast<std::uint32_t>(h2 >> 32);
    }
}

// rows (n, 4): the four hashes of each id, modulo T: the rows of a hash embedding table of T > 0 rows. The remainder
// is taken by multiplication (Lemire, Kaser & Kurz 2019, "Faster remainder by direct computation"), exact for 32 bits.
inline void hash_rows(std::int32_t* rows, const std::uint64_t* ids, std::uint32_t seed, std::uint32_t T,
                      std::size_t n) {
#if defined(__SIZEOF_INT128__)
    const std::uint64_t magic = ~std::uint64_t(0) / T + 1;  // wraps to 0 for T = 1, which gives remainder 0
    const auto modulo = [magic, T](std::uint64_t x) {
        return static_cast<std::int32_t>(static_cast<unsigned __int128>(magic * (x & 0xffffffff)) * T >> 64);
    };
#else
    const auto modulo = [T](std::uint64_t x) { return static_cast<std::int32_t>((x & 0xffffffff) % T); };
#endif
    for (std::size_t i = 0; i < n; ++i, rows += 4) {
        std::uint64_t h1, h2;
        murmur3_128(ids[i], seed, h1, h2);
        rows[0] = modulo(h1);
        rows[1] = modulo(h1 >> 32);
        rows[2] = modulo(h2);
        rows[3] = modulo(h2 >> 32);
    }
}

// out[i] = MurmurHash64A, seed 0, of the 8 size bytes of keys[i .. i + size), for i < n.
inline void hash_ngrams(std::uint64_t* out, const std::uint64_t* keys, std::size_t size, std::size_t n) {
    constexpr std::uint64_t m = 0xc6a4a7935bd1e995ULL;
    for (std::size_t i = 0; i < n; ++i) {
        std::uint64_t h = 8 * size * m;
        for (std::size_t k = 0; k < size; ++k) {
            std::uint64_t x = keys[i + k] * m;
            x = (x ^ (x >> 47)) * m;
            h = (h ^ x) * m;
        }
        h = (h ^ (h >> 47)) * m;
        out[i] = h ^ (h >> 47);
    }
}

THINC_INLINE std::uint32_t rotate_left32(std::uint32_t x, int n) { return (x << n) | (x >> (32 - n)); }

THINC_INLINE std::uint32_t murmur3_32_mix(std::uint32_t h, std::uint32_t k) {
    return rotate_left32(h ^ k, 13) * 5 + 0xe6546b64u;
}

THINC_INLINE std::uint32_t murmur3_32_finish(std::uint32_t h) {
    h ^= 8;
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    return h ^ (h >> 16);
}

// out (n, 2): MurmurHash3_x86_32 of the 8 little-endian bytes of each key, with seeds 0 and 1; of it the bits of
// length - 1 if `mask`, else the remainder modulo length > 0. A loop that compilers vectorise.
inline void hash_slots(std::uint32_t* out, const std::uint64_t* keys, std::uint32_t length, bool mask, std::size_t n) {
    const std::uint32_t bits = mask ? length - 1 : ~0u;
    for (std::size_t i = 0; i < n; ++i) {
        const auto low = static_cast<std::uint32_t>(keys[i]), high = static_cast<std::uint32_t>(keys[i] >> 32);
        const std::uint32_t k0 = rotate_left32(low * 0xcc9e2d51u, 15) * 0x1b873593u;
        const std::uint32_t k1 = rotate_left32(high * 0xcc9e2d51u, 15) * 0x1b873593u;
        out[2 * i] = murmur3_32_finish(murmur3_32_mix(murmur3_32_mix(0, k0), k1)) & bits;
        out[2 * i + 1] = murmur3_32_finish(murmur3_32_mix(murmur3_32_mix(1, k0), k1)) & bits;
    }
    if (mask) return;
    for (std::size_t i = 0; i < 2 * n; ++i) out[i] %= length;
}

// The largest of n numbers; 0 if there are none.
inline std::uint32_t highest(const std::uint32_t* x, std::size_t n) {
    std::uint32_t most = 0;
    for (std::size_t i = 0; i < n; ++i) most = x[i] > most ? x[i] : most;
    return most;
}

constexpr Hashing hashing_kernels() { return {hash_ids, hash_rows, hash_ngrams, hash_slots, highest}; }

}  // namespace thinc::THINC_ISA
