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

    static THINC_INLINE Vec fill(T x) { return {raw{} + x}; }
    static THINC_INLINE Vec load(const T* p) {
        Vec r;
        __builtin_memcpy(&r.v, p, sizeof(raw));
        return r;
    }
    // The first n < lanes values; the rest is `rest`.
    static THINC_INLINE Vec load_some(const T* p, std::size_t n, T rest = T(0)) {
        T buffer[lanes];
        for (std::size_t i = 0; i < lanes; ++i) buffer[i] = i < n ? p[i] : rest;
        return load(buffer);
    }
    THINC_INLINE void store(T* p) const { __builtin_memcpy(p, &v, sizeof(raw)); }
    THINC_INLINE void store_some(T* p, std::size_t n) const {
        T buffer[lanes];
        store(buffer);
        for (std::size_t i = 0; i < n; ++i) p[i] = buffer[i];
    }

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

// Horizontal reductions, by halves: the order of the additions is fixed for a given lane count.
template <typename T> THINC_INLINE T reduce_add(Vec<T> a) {
    T x[Vec<T>::lanes];
    a.store(x);
    for (std::size_t half = Vec<T>::lanes / 2; half > 0; half /= 2)
        for (std::size_t i = 0; i < half; ++i) x[i] += x[i + half];
    return x[0];
}
template <typename T> THINC_INLINE T reduce_max(Vec<T> a) {
    T x[Vec<T>::lanes];
    a.store(x);
    for (std::size_t half = Vec<T>::lanes / 2; half > 0; half /= 2)
        for (std::size_t i = 0; i < half; ++i) x[i] = x[i] > x[i + half] ? x[i] : x[i + half];
    return x[0];
}

}  // namespace thinc::THINC_ISA
