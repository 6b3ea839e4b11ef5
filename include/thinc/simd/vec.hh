// Vec<T>: one vector register of T (float, double, 32- and 64-bit integers), over the compiler's vector extensions.
// Loads and stores are unaligned. Comparisons give a Mask<T>; select(m, a, b) is m ? a : b lane by lane and
// evaluates both. Without vector extensions a Vec has one lane and the same code is the scalar path.
#pragma once
#include <cstddef>
#include <cstdint>

#ifndef THINC_ISA
#error "define THINC_ISA: the namespace of this instruction set's copy of the kernels"
#endif

#if defined(__AVX512F__)
#define THINC_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define THINC_VECTOR_BYTES 32
#else
#define THINC_VECTOR_BYTES 16
#endif

#define THINC_INLINE inline __attribute__((always_inline))
// After the parameter list of a lambda that a loop template calls.
#define THINC_INLINE_LAMBDA __attribute__((always_inline))

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace thinc::THINC_ISA {

template <typename T> struct IntOf;
template <> struct IntOf<float> { using type = std::int32_t; };
template <> struct IntOf<double> { using type = std::int64_t; };
template <> struct IntOf<std::int32_t> { using type = std::int32_t; };
template <> struct IntOf<std::uint32_t> { using type = std::int32_t; };
template <> struct IntOf<std::int64_t> { using type = std::int64_t; };
template <> struct IntOf<std::uint64_t> { using type = std::int64_t; };

template <typename T> struct Mask;

template <typename T> struct Vec {
    static constexpr std::size_t lanes = THINC_VECTOR_BYTES / sizeof(T);
    typedef T raw __attribute__((vector_size(THINC_VECTOR_BYTES)));
    raw v;

    // x - 0, which keeps -0 and which compilers fold to a broadcast; 0 + x is neither
    static THINC_INLINE Vec fill(T x) { return {x - raw{}}; }
    static THINC_INLINE Vec load(const T* p) {
        Vec r;
        __builtin_memcpy(&r.v, p, sizeof(raw));
        return r;
    }
    // The first n < lanes values, reading no others; the rest is `rest`.
    static THINC_INLINE Vec load_some(const T* p, std::size_t n, T rest = T(0));
    THINC_INLINE void store(T* p) const { __builtin_memcpy(p, &v, sizeof(raw)); }
    THINC_INLINE void store_some(T* p, std::size_t n) const;

    friend THINC_INLINE Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
    friend THINC_INLINE Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
    friend THINC_INLINE Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
    friend THINC_INLINE Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
    friend THINC_INLINE Vec operator-(Vec a) { return {-a.v}; }
    friend THINC_INLINE Vec operator&(Vec a, Vec b) { return {a.v & b.v}; }
    friend THINC_INLINE Vec operator|(Vec a, Vec b) { return {a.v | b.v}; }
    friend THINC_INLINE Vec operator^(Vec a, Vec b) { return {a.v ^ b.v}; }
    friend THINC_INLINE Vec operator<<(Vec a, int n) { return {a.v << n}; }
    friend THINC_INLINE Vec operator>>(Vec a, int n) { return {a.v >> n}; }
};

template <typename T> struct Mask {
    typedef typename IntOf<T>::type raw __attribute__((vector_size(THINC_VECTOR_BYTES)));
    raw m;
    friend THINC_INLINE Mask operator&(Mask a, Mask b) { return {a.m & b.m}; }
    friend THINC_INLINE Mask operator|(Mask a, Mask b) { return {a.m | b.m}; }
    friend THINC_INLINE Mask operator~(Mask a) { return {~a.m}; }
};

// The lanes with an index below n <= lanes.
template <typename T> THINC_INLINE Mask<T> first_lanes(std::size_t n) {
    using I = typename IntOf<T>::type;
    typename Mask<T>::raw index;
    for (std::size_t i = 0; i < Vec<T>::lanes; ++i) index[i] = static_cast<I>(i);
    return {index < (typename Mask<T>::raw{} + static_cast<I>(n))};
}

// Intrinsics for the parts of a vector: rows of 300 are 18.75 registers, and the detour over a buffer costs as much as
// several whole vectors (layer norm of 2000x300 float32: 1.4x with the buffer).
template <typename T> THINC_INLINE Vec<T> Vec<T>::load_some(const T* p, std::size_t n, T rest) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "a lane has 4 or 8 bytes");
#if defined(__AVX512F__)
    const unsigned bits = (1u << n) - 1;
    if constexpr (sizeof(T) == 4)
        return {(raw)_mm512_mask_loadu_epi32((__m512i)fill(rest).v, static_cast<__mmask16>(bits), p)};
    else
        return {(raw)_mm512_mask_loadu_epi64((__m512i)fill(rest).v, static_cast<__mmask8>(bits), p)};
#elif defined(__AVX2__)
    const Mask<T> some = first_lanes<T>(n);
    raw r;
    if constexpr (sizeof(T) == 4)
        r = (raw)_mm256_maskload_epi32(reinterpret_cast<const int*>(p), (__m256i)some.m);
    else
        r = (raw)_mm256_maskload_epi64(reinterpret_cast<const long long*>(p), (__m256i)some.m);
    return {some.m ? r : fill(rest).v};
#else
    T buffer[lanes];
    for (std::size_t i = 0; i < lanes; ++i) buffer[i] = rest;
    for (std::size_t i = 0; i < n; ++i) buffer[i] = p[i];
    return load(buffer);
#endif
}
template <typename T> THINC_INLINE void Vec<T>::store_some(T* p, std::size_t n) const {
#if defined(__AVX512F__)
    const unsigned bits = (1u << n) - 1;
    if constexpr (sizeof(T) == 4) _mm512_mask_storeu_epi32(p, static_cast<__mmask16>(bits), (__m512i)v);
    else _mm512_mask_storeu_epi64(p, static_cast<__mmask8>(bits), (__m512i)v);
#elif defined(__AVX2__)
    const Mask<T> some = first_lanes<T>(n);
    if constexpr (sizeof(T) == 4) _mm256_maskstore_epi32(reinterpret_cast<int*>(p), (__m256i)some.m, (__m256i)v);
    else _mm256_maskstore_epi64(reinterpret_cast<long long*>(p), (__m256i)some.m, (__m256i)v);
#else
    T buffer[lanes];
    store(buffer);
    for (std::size_t i = 0; i < n; ++i) p[i] = buffer[i];
#endif
}

// Comparisons are false where an operand is NaN (ne: true).
template <typename T> THINC_INLINE Mask<T> lt(Vec<T> a, Vec<T> b) { return {a.v < b.v}; }
template <typename T> THINC_INLINE Mask<T> le(Vec<T> a, Vec<T> b) { return {a.v <= b.v}; }
template <typename T> THINC_INLINE Mask<T> gt(Vec<T> a, Vec<T> b) { return {a.v > b.v}; }
template <typename T> THINC_INLINE Mask<T> ge(Vec<T> a, Vec<T> b) { return {a.v >= b.v}; }
template <typename T> THINC_INLINE Mask<T> eq(Vec<T> a, Vec<T> b) { return {a.v == b.v}; }
template <typename T> THINC_INLINE Mask<T> ne(Vec<T> a, Vec<T> b) { return {a.v != b.v}; }

template <typename T> THINC_INLINE Vec<T> select(Mask<T> m, Vec<T> a, Vec<T> b) { return {m.m ? a.v : b.v}; }

// b where either is NaN, as in `a < b ? a : b`.
template <typename T> THINC_INLINE Vec<T> min(Vec<T> a, Vec<T> b) { return select(lt(a, b), a, b); }
template <typename T> THINC_INLINE Vec<T> max(Vec<T> a, Vec<T> b) { return select(gt(a, b), a, b); }
// The instruction does the same; GCC 12 writes a comparison and a blend where a constant is involved (gelu on AVX2:
// 1.2x).
#if defined(__AVX512F__)
THINC_INLINE Vec<float> min(Vec<float> a, Vec<float> b) { return {_mm512_maskz_min_ps(0xffff, a.v, b.v)}; }
THINC_INLINE Vec<float> max(Vec<float> a, Vec<float> b) { return {_mm512_maskz_max_ps(0xffff, a.v, b.v)}; }
THINC_INLINE Vec<double> min(Vec<double> a, Vec<double> b) { return {_mm512_maskz_min_pd(0xff, a.v, b.v)}; }
THINC_INLINE Vec<double> max(Vec<double> a, Vec<double> b) { return {_mm512_maskz_max_pd(0xff, a.v, b.v)}; }
#elif defined(__AVX2__)
THINC_INLINE Vec<float> min(Vec<float> a, Vec<float> b) { return {_mm256_min_ps(a.v, b.v)}; }
THINC_INLINE Vec<float> max(Vec<float> a, Vec<float> b) { return {_mm256_max_ps(a.v, b.v)}; }
THINC_INLINE Vec<double> min(Vec<double> a, Vec<double> b) { return {_mm256_min_pd(a.v, b.v)}; }
THINC_INLINE Vec<double> max(Vec<double> a, Vec<double> b) { return {_mm256_max_pd(a.v, b.v)}; }
#elif defined(__SSE2__)
THINC_INLINE Vec<float> min(Vec<float> a, Vec<float> b) { return {_mm_min_ps(a.v, b.v)}; }
THINC_INLINE Vec<float> max(Vec<float> a, Vec<float> b) { return {_mm_max_ps(a.v, b.v)}; }
THINC_INLINE Vec<double> min(Vec<double> a, Vec<double> b) { return {_mm_min_pd(a.v, b.v)}; }
THINC_INLINE Vec<double> max(Vec<double> a, Vec<double> b) { return {_mm_max_pd(a.v, b.v)}; }
#endif

// a * b + c; one rounding where the instruction set has FMA.
template <typename T> THINC_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) { return {a.v * b.v + c.v}; }

// The same bits as another type of equal width.
template <typename To, typename From> THINC_INLINE Vec<To> bit_cast(Vec<From> a) {
    static_assert(sizeof(To) == sizeof(From), "lanes must match");
    return {reinterpret_cast<typename Vec<To>::raw>(a.v)};
}
// Value conversion between types of equal width (float <-> int32, double <-> int64); to integers it truncates.
template <typename To, typename From> THINC_INLINE Vec<To> convert(Vec<From> a) {
    static_assert(sizeof(To) == sizeof(From), "lanes must match");
    return {__builtin_convertvector(a.v, typename Vec<To>::raw)};
}

template <typename T> THINC_INLINE Vec<T> abs(Vec<T> a) {
    using I = typename IntOf<T>::type;
    constexpr I magnitude = static_cast<I>(~(std::uint64_t(1) << (8 * sizeof(T) - 1)));
    return bit_cast<T>(bit_cast<I>(a) & Vec<I>::fill(magnitude));
}

template <typename T> THINC_INLINE Vec<T> sqrt(Vec<T> a) {
    Vec<T> r;
    for (std::size_t i = 0; i < Vec<T>::lanes; ++i) {
        if constexpr (sizeof(T) == 4) r.v[i] = __builtin_sqrtf(a.v[i]);
        else r.v[i] = __builtin_sqrt(a.v[i]);
    }
    return r;
}

// lo where x < lo, hi where x > hi; NaN stays.
template <typename T> THINC_INLINE Vec<T> clamp(Vec<T> x, T lo, T hi) {
    return min(Vec<T>::fill(hi), max(Vec<T>::fill(lo), x));
}

// 0, 1, ..., N - 1 as a type, for permutations with constant indices.
template <int... I> struct Indices {};
template <int N, int... I> struct CountTo : CountTo<N - 1, N - 1, I...> {};
template <int... I> struct CountTo<0, I...> { using type = Indices<I...>; };
template <typename T> using LaneIndices = typename CountTo<int(Vec<T>::lanes)>::type;

// Lane i of the result is lane F::at(i) of a followed by b, F::at constexpr.
template <typename F, typename T, int... I> THINC_INLINE Vec<T> shuffle(Vec<T> a, Vec<T> b, Indices<I...>) {
#if defined(__clang__)
    return {__builtin_shufflevector(a.v, b.v, F::at(I)...)};
#else
    return {__builtin_shuffle(a.v, b.v, typename Mask<T>::raw{F::at(I)...})};
#endif
}
template <typename F, typename T> THINC_INLINE Vec<T> shuffle(Vec<T> a, Vec<T> b) {
    return shuffle<F>(a, b, LaneIndices<T>());
}
// The constants F::at(0), F::at(1), ... as a vector.
template <typename F, typename T, int... I> THINC_INLINE Vec<T> constants(Indices<I...>) {
    return {typename Vec<T>::raw{static_cast<T>(F::at(I))...}};
}
template <typename F, typename T> THINC_INLINE Vec<T> constants() { return constants<F, T>(LaneIndices<T>()); }

// The product of the low 32 bits of each 64-bit lane, in full. (The compilers do not find this instruction.)
THINC_INLINE Vec<std::uint64_t> multiply_low_halves(Vec<std::uint64_t> a, Vec<std::uint64_t> b) {
    using Raw = Vec<std::uint64_t>::raw;
#if defined(__AVX512F__)
    // the maskz form: GCC 12 warns about an undefined operand in the plain one
    return {(Raw)_mm512_maskz_mul_epu32(0xff, (__m512i)a.v, (__m512i)b.v)};
#elif defined(__AVX2__)
    return {(Raw)_mm256_mul_epu32((__m256i)a.v, (__m256i)b.v)};
#elif defined(__SSE2__)
    return {(Raw)_mm_mul_epu32((__m128i)a.v, (__m128i)b.v)};
#else
    const Raw low = Raw{} + 0xffffffffu;
    return {(a.v & low) * (b.v & low)};
#endif
}

// Horizontal reductions, by halves: the order of the additions is fixed for a given lane count.
template <int Distance, int Lanes> struct Rotated {
    static constexpr int at(int i) { return (i + Distance) % Lanes; }
};
template <typename T, int Distance = int(Vec<T>::lanes / 2)> THINC_INLINE T reduce_add(Vec<T> a) {
    if constexpr (Distance == 0) return a.v[0];
    else return reduce_add<T, Distance / 2>(a + shuffle<Rotated<Distance, int(Vec<T>::lanes)>>(a, a));
}
template <typename T, int Distance = int(Vec<T>::lanes / 2)> THINC_INLINE T reduce_max(Vec<T> a) {
    if constexpr (Distance == 0) return a.v[0];
    else return reduce_max<T, Distance / 2>(max(a, shuffle<Rotated<Distance, int(Vec<T>::lanes)>>(a, a)));
}

// The mask of lanes as bits, the first lane the lowest; and back, whatever the bits above them are.
struct PowersOfTwo {
    static constexpr int at(int i) { return 1 << i; }
};
template <typename T> THINC_INLINE Mask<T> mask_of(unsigned bits) {
    using I = typename IntOf<T>::type;
    const Vec<I> powers = constants<PowersOfTwo, I>();
    return {((Vec<I>::fill(static_cast<I>(bits)) & powers).v != typename Vec<I>::raw{})};
}
template <typename T> THINC_INLINE unsigned bits_of(Mask<T> m) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) return _mm512_movepi32_mask((__m512i)m.m);
    else return _mm512_movepi64_mask((__m512i)m.m);
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4) return static_cast<unsigned>(_mm256_movemask_ps((__m256)m.m));
    else return static_cast<unsigned>(_mm256_movemask_pd((__m256d)m.m));
#elif defined(__SSE2__)
    if constexpr (sizeof(T) == 4) return static_cast<unsigned>(_mm_movemask_ps((__m128)m.m));
    else return static_cast<unsigned>(_mm_movemask_pd((__m128d)m.m));
#else
    using I = typename IntOf<T>::type;
    return static_cast<unsigned>(reduce_add(Vec<I>{m.m} & constants<PowersOfTwo, I>()));
#endif
}

}  // namespace thinc::THINC_ISA
