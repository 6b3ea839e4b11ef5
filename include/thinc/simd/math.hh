// Elementary functions of a Vec<T>, T float or double: range reduction and minimax polynomials (Remez exchange, our own
// fits), no tables, no libm, no branches. The bounds are the largest errors found against wider arithmetic, for both
// types, with FMA or without (tests/kernels/test_math.py). NaN gives NaN; denormals are taken and given.
#pragma once
#include "thinc/simd/vec.hh"

namespace thinc::THINC_ISA {

template <typename T> struct MathConstants;
template <> struct MathConstants<float> {
    static constexpr int mantissa_bits = 23, exponent_bias = 127;
    // 1.5 * 2^23 + exponent_bias: adding it rounds to an integer n and leaves n + exponent_bias in the low bits, which
    // a shift by mantissa_bits makes 2^n
    static constexpr float round_magic = 12582912.0f + exponent_bias;
    static constexpr float ln2_hi = 0.693359375f, ln2_lo = -2.1219444005469058277e-4f;
    static constexpr float exp_lo = -105.0f, exp_hi = 89.0f;  // beyond: 0 and infinity
    static constexpr float moderate = 87.0f, tanh_hi = 9.5f;
    static constexpr std::int32_t sqrt_half_bits = 0x3f3504f3;
    static constexpr float min_normal = 0x1p-126f, huge = 0x1p60f;
    static constexpr float tail_hi = 13.1f;
    // (exp(r) - 1 - r) / r^2 on |r| <= ln(2)/2
    static constexpr float exp_poly[] = {
        0.49999993253747834255f, 0.1666651776249835506f, 0.041668421810741903459f, 0.0083690634527207892016f,
        0.0013813880870418767495f};
    // (log(1+f) - 2s) / s^3 in s^2, s = f/(2+f), sqrt(1/2) <= 1+f <= sqrt(2)
    static constexpr float log_poly[] = {
        0.6666677976698091944f, 0.39977079429107525516f, 0.29885186411362942112f};
    // erf(x) / x in x^2 on |x| <= 1
    static constexpr float erf_poly[] = {
        1.1283791657267134576f, -0.37612625824215742461f, 0.11283585148351824995f, -0.026853811923966422674f,
        0.0051883276646474202502f, -0.00080101934463089584867f, 0.00007853860784269767619f};
    // exp(z^2/2) Q(z) (z+4) in u = 1 - 8/(z+4)
    static constexpr float tail_poly[] = {
        0.75528513525308792478f, -0.60789657987609492093f, 0.38713691651983365636f, -0.18652365631328072298f,
        0.060403489479359837451f, -0.0075240043406810222398f, -0.0035102109997681716752f, 0.0015684082648664966423f,
        0.00017465940226524649637f, -0.00013419623327017334884f};
};
template <> struct MathConstants<double> {
    static constexpr int mantissa_bits = 52, exponent_bias = 1023;
    static constexpr double round_magic = 6755399441055744.0 + exponent_bias;
    static constexpr double ln2_hi = 0.69314718036912381649, ln2_lo = 1.9082149292705877000e-10;
    static constexpr double exp_lo = -746.0, exp_hi = 710.0;
    static constexpr double moderate = 708.0, tanh_hi = 20.0;
    static constexpr std::int64_t sqrt_half_bits = 0x3fe6a09e667f3bcd;
    static constexpr double min_normal = 0x1p-1022, huge = 0x1p500;
    static constexpr double tail_hi = 37.6;
    static constexpr double exp_poly[] = {
        0.50000000000000111469, 0.16666666666666399833, 0.041666666666524805521, 0.0083333333335008831851,
        0.0013888888945238303715, 0.00019841269496594225224, 0.000024801491258290768366, 2.7557591689680558499e-6,
        2.7630958816243010628e-7, 2.4999532625093389681e-8};
    static constexpr double log_poly[] = {
        0.66666666666667393833, 0.39999999999377967314, 0.28571428751304534689, 0.22222197587250049596,
        0.18183618990746002646, 0.15312569859703038448, 0.14811540051757040301};
    static constexpr double erf_poly[] = {
        1.1283791670955125737, -0.37612638903183747604, 0.11283791670954857488, -0.0268661706450728943,
        0.0052239776247808617141, -0.00085483269787419400961, 0.00012055331036890359819, -0.000014925593506671345944,
        1.6460972813537050112e-6, -1.6350025185895176168e-7, 1.4657879597306717512e-8, -1.136566502864451044e-9,
        5.945260200617796174e-11};
    static constexpr double tail_poly[] = {
        0.7552851304157514784, -0.60789664197189204904, 0.38713740074221947716, -0.18652185795966541861,
        0.060396574890666263087, -0.0075401889664351587667, -0.0034796923616067559834, 0.0016308184532797583142,
        0.00013334424852304039395, -0.0002310949037153392827, -1.9078439694127839736e-6, 0.000035144569668266271781,
        7.1497550849062392451e-7, -5.9200112610976241321e-6, -6.2522840268490897773e-7, 1.0218572065627698714e-6,
        2.6415450594872645049e-7, -1.5659211495370718784e-7, -7.7210375049362118313e-8, 1.6069262817518299162e-8,
        1.461899977336662066e-8, -3.3904824202059344133e-10, -1.1965354628025561241e-9};
};

// c[First] + c[First + Step] x + ... (Horner).
template <std::size_t First, std::size_t Step, typename T, std::size_t N>
THINC_INLINE Vec<T> horner(Vec<T> x, const T (&c)[N]) {
    std::size_t i = First + (N - 1 - First) / Step * Step;
    Vec<T> y = Vec<T>::fill(c[i]);
    while (i > First) {
        i -= Step;
        y = fma(y, x, Vec<T>::fill(c[i]));
    }
    return y;
}
// c[0] + c[1] x + ...; a long one in four chains, since a processor looks ahead over a few dozen instructions only
// (gelu, 15 coefficients, AVX2: 1.4x).
template <typename T, std::size_t N> THINC_INLINE Vec<T> polynomial(Vec<T> x, const T (&c)[N]) {
    if constexpr (N < 12) {
        return horner<0, 1>(x, c);
    } else {
        const Vec<T> x2 = x * x, x4 = x2 * x2;
        const Vec<T> low = fma(horner<1, 4>(x4, c), x, horner<0, 4>(x4, c));
        const Vec<T> high = fma(horner<3, 4>(x4, c), x, horner<2, 4>(x4, c));
        return fma(high, x2, low);
    }
}

// 2^n for a normal result.
template <typename T> THINC_INLINE Vec<T> power_of_two(Vec<typename IntOf<T>::type> n) {
    using C = MathConstants<T>;
    using I = typename IntOf<T>::type;
    return bit_cast<T>((n + Vec<I>::fill(C::exponent_bias)) << C::mantissa_bits);
}

// x = n ln(2) + r with |r| <= ln(2)/2: excess = exp(r) - 1, and power() = 2^n if that is a normal number.
template <typename T> struct ExpParts {
    Vec<typename IntOf<T>::type> shifted;
    Vec<T> excess;
    THINC_INLINE Vec<T> power() const { return bit_cast<T>(shifted << MathConstants<T>::mantissa_bits); }
};
template <typename T> THINC_INLINE ExpParts<T> exp_parts(Vec<T> x) {
    using V = Vec<T>;
    using C = MathConstants<T>;
    const V shifted = fma(x, V::fill(T(1.4426950408889634074)), V::fill(C::round_magic));
    const V n = shifted - V::fill(C::round_magic);
    V r = fma(n, V::fill(-C::ln2_hi), x);
    r = fma(n, V::fill(-C::ln2_lo), r);
    return {bit_cast<typename IntOf<T>::type>(shifted), fma(r * r, polynomial(r, C::exp_poly), r)};
}

// 1 / x and 1 / sqrt(x) where x and the result are normal numbers: 1 ULP; NaN for infinities and zeros. With AVX-512
// Newton's steps from the processor's estimate of 14 bits take less than half the time of a division after a root. A
// division alone costs nothing beside an exponential: it is done by another unit meanwhile.
template <typename T> THINC_INLINE Vec<T> reciprocal(Vec<T> x) {
#if defined(__AVX512F__)
    using V = Vec<T>;
    V r;
    if constexpr (sizeof(T) == 4) r.v = (typename V::raw)_mm512_rcp14_ps((__m512)x.v);
    else r.v = (typename V::raw)_mm512_rcp14_pd((__m512d)x.v);
    for (std::size_t bits = 14; bits < 4 * sizeof(T) + 8; bits *= 2) r = fma(r, fma(-x, r, V::fill(1)), r);
    return r;
#else
    return Vec<T>::fill(1) / x;
#endif
}
template <typename T> THINC_INLINE Vec<T> reciprocal_sqrt(Vec<T> x) {
#if defined(__AVX512F__)
    using V = Vec<T>;
    V r;
    if constexpr (sizeof(T) == 4) r.v = (typename V::raw)_mm512_rsqrt14_ps((__m512)x.v);
    else r.v = (typename V::raw)_mm512_rsqrt14_pd((__m512d)x.v);
    // 1 / sqrt(x) = r / sqrt(1 - e): the series in e < 2^-13, as far as it counts
    const V e = fma(-(x * r), r, V::fill(1));
    V series = V::fill(T(0.5));
    if constexpr (sizeof(T) == 8) series = fma(fma(V::fill(T(0.3125)), e, V::fill(T(0.375))), e, series);
    return fma(r * e, series, r);
#else
    return Vec<T>::fill(1) / sqrt(x);
#endif
}

// exp(x): 1.0 ULP. Overflow gives infinity, underflow denormals and 0.
template <typename T> THINC_INLINE Vec<T> exp(Vec<T> x) {
    using V = Vec<T>;
    using C = MathConstants<T>;
    using I = typename IntOf<T>::type;
    const ExpParts<T> e = exp_parts(clamp(x, C::exp_lo, C::exp_hi));
    // two steps, since 2^n itself may overflow or be a denormal
    const Vec<I> n = e.shifted - bit_cast<I>(V::fill(C::round_magic)), half = n >> 1;
    return (V::fill(1) + e.excess) * power_of_two<T>(half) * power_of_two<T>(n - half);
}

// exp(x) for |x| <= moderate (float 87, double 708), where the result is a normal number; garbage beyond, NaN for NaN.
// Errors of exp, half of its instructions.
template <typename T> THINC_INLINE Vec<T> exp_moderate(Vec<T> x) {
    const ExpParts<T> e = exp_parts(x);
    return fma(e.power(), e.excess, e.power());
}
// exp(x) for x <= 0: 0 where the result would not be a normal number. Errors of exp.
template <typename T> THINC_INLINE Vec<T> exp_negative(Vec<T> x) {
    return select(lt(x, Vec<T>::fill(-MathConstants<T>::moderate)), Vec<T>::fill(0), exp_moderate(x));
}

// tanh(x): 2.5 ULP; keeps its relative precision at 0.
template <typename T> THINC_INLINE Vec<T> tanh(Vec<T> x) {
    using V = Vec<T>;
    using C = MathConstants<T>;
    const V y = clamp(x, -C::tanh_hi, C::tanh_hi);
    const ExpParts<T> e = exp_parts(y + y);
    const V expm1 = fma(e.power(), e.excess, e.power() - V::fill(1));
    return expm1 / (expm1 + V::fill(2));
}

// 1 / (1 + exp(-x)) for |x| <= moderate: 2.4 ULP.
template <typename T> THINC_INLINE Vec<T> logistic_moderate(Vec<T> x) {
    return Vec<T>::fill(1) / (Vec<T>::fill(1) + exp_moderate(-x));
}
// The same for all x, down to the denormals.
template <typename T> THINC_INLINE Vec<T> logistic(Vec<T> x) {
    return Vec<T>::fill(1) / (Vec<T>::fill(1) + exp(-x));
}

// Natural logarithm: 0.9 ULP. 0 gives -infinity, negative numbers NaN.
template <typename T> THINC_INLINE Vec<T> log(Vec<T> x) {
    using V = Vec<T>;
    using C = MathConstants<T>;
    using I = typename IntOf<T>::type;
    const Mask<T> small = lt(x, V::fill(C::min_normal));
    constexpr int lift = C::mantissa_bits + 1;
    const V lifted = x * V::fill(T(std::int64_t(1) << lift));
    const auto bits = bit_cast<I>(select(small, lifted, x));
    const auto exponent = (bits - Vec<I>::fill(C::sqrt_half_bits)) >> C::mantissa_bits;
    const V f = bit_cast<T>(bits - (exponent << C::mantissa_bits)) - V::fill(1);
    const V e = convert<T>(exponent) - select(small, V::fill(lift), V::fill(0));
    const V s = f / (V::fill(2) + f), z = s * s;
    const V half_square = V::fill(T(0.5)) * f * f;
    const V tail = fma(s, fma(z, polynomial(z, C::log_poly), half_square), e * V::fill(C::ln2_lo));
    const V y = fma(e, V::fill(C::ln2_hi), f - (half_square - tail));
    const V infinity = V::fill(T(__builtin_inf()));
    const V edge = select(eq(x, V::fill(0)), -infinity, select(lt(x, V::fill(0)), V::fill(T(__builtin_nan(""))), x));
    return select(gt(x, V::fill(0)) & lt(x, infinity), y, edge);
}

// log(1 + x): 1.5 ULP; keeps its relative precision at 0.
template <typename T> THINC_INLINE Vec<T> log1p(Vec<T> x) {
    using V = Vec<T>;
    const V u = V::fill(1) + x;
    const V correction = (x - (u - V::fill(1))) / u;  // what rounding took from u
    const Mask<T> inside = gt(u, V::fill(0)) & lt(u, V::fill(MathConstants<T>::huge));
    return log(u) + select(inside, correction, V::fill(0));
}

// The standard normal distribution at x: tail = Q(|x|) = erfc(|x|/sqrt(2))/2, bell = exp(-x^2/2).
// tail: absolute error 1.8 epsilon (2.1e-7, 4e-16), relative 3.6 epsilon (1 + x^2), since rounding x^2 moves its exp.
// From |x| = 13.1 (37.6) on it stays what it is there, 1e-39 (1e-309).
template <typename T> struct Normal {
    Vec<T> tail, bell;
};
template <typename T> THINC_INLINE Normal<T> normal(Vec<T> x) {
    using V = Vec<T>;
    using C = MathConstants<T>;
    const V z = min(V::fill(C::tail_hi), abs(x));
    const V w = V::fill(1) / (z + V::fill(4));
    const V bell = exp_moderate(z * z * V::fill(T(-0.5)));
    return {bell * w * polynomial(fma(w, V::fill(-8), V::fill(1)), C::tail_poly), bell};
}

}  // namespace thinc::THINC_ISA
