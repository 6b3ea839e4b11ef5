// Elementwise activations, forward and slope side by side. float, double.
//
// An activation is a struct with forward(x) and slope(.), its derivative, as Vec functions; two engines make kernels
// of it: y = forward(x) and dx = dy * slope(x). `args` are the activation's parameters, null where it has none.
// For all: outputs may be the same array as an input, no other overlap. NaN in, NaN out, but for slopes made of
// comparisons, which are 0 at NaN. At the infinities every function and slope takes its limit.
// Errors are for |x| <= 30, as factors of the type's epsilon (float 1.2e-7, double 2.2e-16) times max(1, |y|): 3 unless
// another number is named, and 4 for slopes (tests/kernels/test_activations.py).
#pragma once
#include "thinc/dispatch.hh"
#include "thinc/simd/erf.hh"
#include "thinc/simd/loop.hh"
#include "thinc/simd/math.hh"

namespace thinc::THINC_ISA {

template <typename F, typename T> void apply(T* y, const T* x, std::size_t n, const double* args) {
    const F f(args);
    for_each_aligned(y, n, [&](auto at) THINC_INLINE_LAMBDA { at.store(y, f.forward(at.load(x))); });
}
template <typename F, typename T> void apply_slope(T* dx, const T* dy, const T* x, std::size_t n, const double* args) {
    const F f(args);
    for_each_aligned(dx, n, [&](auto at) THINC_INLINE_LAMBDA { at.store(dx, at.load(dy) * f.slope(at.load(x))); });
}

template <typename T> struct Plain {  // an activation without parameters
    explicit Plain(const double*) {}
    static THINC_INLINE Vec<T> fill(double x) { return Vec<T>::fill(static_cast<T>(x)); }
};

// y = x where x > 0, else +0; slope of the output y: 1 where y > 0, else 0. Exact.
template <typename T> struct Relu : Plain<T> {
    using Plain<T>::Plain, Plain<T>::fill;
    THINC_INLINE Vec<T> forward(Vec<T> x) const { return select(le(x, fill(0)), fill(0), x); }
};
// dx = dy where y > 0, else 0: a select, so that an infinite dy does not become NaN.
template <typename T> void backprop_relu(T* dx, const T* dy, const T* y, std::size_t n, const double*) {
    const Vec<T> zero = Vec<T>::fill(0);
    for_each_aligned(dx, n, [&](auto at) THINC_INLINE_LAMBDA {
        at.store(dx, select(gt(at.load(y), zero), at.load(dy), zero));
    });
}

// y = clip(a x + b, low, high); slope a where a x + b is strictly between low and high, else 0 (always 0 where a is 0).
// args: a, b, low, high. The bounds for x are computed in double, so that 0.2 x + 0.5 turns at 2.5 in float too.
template <typename T> struct ClippedLinear {
    using V = Vec<T>;
    V a, b;
    T low, high;
    V first, last;
    explicit ClippedLinear(const double* args)
        : a(V::fill(T(args[0]))), b(V::fill(T(args[1]))), low(T(args[2])), high(T(args[3])) {
        const double x = args[0] == 0 ? 0 : (args[2] - args[1]) / args[0];
        const double y = args[0] == 0 ? 0 : (args[3] - args[1]) / args[0];
        first = V::fill(T(args[0] < 0 ? y : x));
        last = V::fill(T(args[0] < 0 ? x : y));
    }
    THINC_INLINE V forward(V x) const { return clamp(fma(x, a, b), low, high); }
    THINC_INLINE V slope(V x) const { return select(gt(x, first) & lt(x, last), a, V::fill(0)); }
};

// y = 1 / (1 + exp(-x)), x clipped to +-20; slope of the output y: y (1 - y).
template <typename T> struct Sigmoid : Plain<T> {
    using Plain<T>::Plain, Plain<T>::fill;
    THINC_INLINE Vec<T> forward(Vec<T> x) const { return logistic_moderate(clamp(x, T(-20), T(20))); }
    THINC_INLINE Vec<T> slope(Vec<T> y) const { return y * (fill(1) - y); }
};
// y (1 - y) by itself.
template <typename T> struct SigmoidSlope : Plain<T> {
    using Plain<T>::Plain;
    THINC_INLINE Vec<T> forward(Vec<T> y) const { return Sigmoid<T>(nullptr).slope(y); }
};

// y = tanh(x); slope of the output y: 1 - y^2.
template <typename T> struct Tanh : Plain<T> {
    using Plain<T>::Plain, Plain<T>::fill;
    THINC_INLINE Vec<T> forward(Vec<T> x) const { return tanh(x); }
    THINC_INLINE Vec<T> slope(Vec<T> y) const { return fill(1) - y * y; }
};
// 1 - y^2 by itself.
template <typename T> struct TanhSlope : Plain<T> {
    using Plain<T>::Plain;
    THINC_INLINE Vec<T> forward(Vec<T> y) const { return Tanh<T>(nullptr).slope(y); }
};

// y = 1 / cosh(x)^2, x clipped to +-20.
template <typename T> struct SechSquared : Plain<T> {
    using Plain<T>::Plain, Plain<T>::fill;
    THINC_INLINE Vec<T> forward(Vec<T> x) const {
        const Vec<T> e = exp_moderate(fill(-2) * min(fill(20), abs(x))), d = fill(1) + e;
        return fill(4) * e / (d * d);
    }
};

// y = erf(x).
template <typename T> struct Erf : Plain<T> {
    using Plain<T>::Plain;
    THINC_INLINE Vec<T> forward(Vec<T> x) const { return erf(x); }
};

// y = x s, s = logistic(x) without clipping; slope: y + s (1 - y), as s + x s (1 - s).
template <typename T> struct Swish : Plain<T> {
    using Plain<T>::Plain, Plain<T>::fill;
    static constexpr T end = MathConstants<T>::moderate;
    THINC_INLINE Vec<T> forward(Vec<T> x) const {
        return max(Vec<T>::fill(-end), x) * logistic_moderate(clamp(x, -end, end));
    }
    THINC_INLINE Vec<T> slope(Vec<T> x) const {
        const Vec<T> z = clamp(x, -end, end), e = exp_moderate(-z), s = fill(1) / (fill(1) + e);
        return fma(z * s, e * s, s);  // 1 - s = e s, without cancellation
    }
};
// dx = dy * slope(x). y, which is swish(x), is not read: to fetch it takes longer than to compute it.
template <typename T>
void backprop_swish(T* dx, const T* dy, const T* x, const T*, std::size_t n, const double* args) {
    apply_slope<Swish<T>, T>(dx, dy, x, n, args);
}

// y = x clip(0.2 x + 0.5, 0, 1); slope: 1 where x > 2.5, 0 where x < -2.5, else 0.4 x + 0.5.
template <typename T> struct HardSwish : Plain<T> {
    using Plain<T>::Plain, Plain<T>::fill;
    THINC_INLINE Vec<T> forward(Vec<T> x) const {
        return max(fill(-3), x) * clamp(fma(x, fill(0.2), fill(0.5)), T(0), T(1));
    }
    THINC_INLINE Vec<T> slope(Vec<T> x) const {
        const Vec<T> inside = fma(x, fill(0.4), fill(0.5));
        return select(gt(x, fill(2.5)), fill(1), select(lt(x, fill(-2.5)), fill(0), inside));
    }
};

// y = x clip(x + 3, 0, 6) / 6; slope: 1 where x > 3, 0 where x < -3, else (2x + 3) / 6.
template <typename T> struct HardSwishMobilenet : Plain<T> {
    using Plain<T>::Plain, Plain<T>::fill;
    THINC_INLINE Vec<T> forward(Vec<T> x) const {
        return max(fill(-4), x) * (clamp(x + fill(3), T(0), T(6)) * fill(1.0 / 6));
    }
    THINC_INLINE Vec<T> slope(Vec<T> x) const {
        const Vec<T> inside = fma(x, fill(2), fill(3)) * fill(1.0 / 6);
        return select(gt(x, fill(3)), fill(1), select(lt(x, fill(-3)), fill(0), inside));
    }
};

// y = x/2 (x / sqrt(1 + x^2) + 1); slope: 1/2 + r - r^3/2 with r = x / sqrt(1 + x^2).
template <typename T> struct Dish : Plain<T> {
    using Plain<T>::Plain, Plain<T>::fill;
    static constexpr T big = sizeof(T) == 4 ? T(1e18) : T(1e150);  // its square is finite
    THINC_INLINE Vec<T> forward(Vec<T> x) const {
        const Vec<T> z = min(Vec<T>::fill(big), abs(x)), w = fma(z, z, fill(1));
        // 1 - |x|/s, s = sqrt(w), without the cancellation
        const Vec<T> q = reciprocal(fma(z, w * reciprocal_sqrt(w), w));
        return fma(fill(-0.5) * z, q, max(fill(0), x));
    }
    THINC_INLINE Vec<T> slope(Vec<T> x) const {
        const Vec<T> z = clamp(x, -big, big), r = z * reciprocal_sqrt(fma(z, z, fill(1)));
        return fill(0.5) + r * fma(r * r, fill(-0.5), fill(1));
    }
};

// y = x Phi(x), Phi the standard normal distribution (Hendrycks and Gimpel, 2016); slope: Phi(x) + x phi(x).
template <typename T> struct Gelu : Plain<T> {
    using Plain<T>::Plain, Plain<T>::fill;
    static constexpr T end = MathConstants<T>::tail_hi;
    THINC_INLINE Vec<T> forward(Vec<T> x) const {
        const Vec<T> q = normal(x).tail;
        return max(Vec<T>::fill(-end), x) * select(lt(x, fill(0)), q, fill(1) - q);
    }
    THINC_INLINE Vec<T> slope(Vec<T> x) const {
        const Normal<T> d = normal(x);
        const Vec<T> cdf = select(lt(x, fill(0)), d.tail, fill(1) - d.tail);
        return fma(clamp(x, -end, end) * fill(0.39894228040143267794), d.bell, cdf);
    }
};
// In float both are 1/2 plus an odd function, flat beyond 6: polynomials (minimax, our own fits) in u, which is x^2
// scaled to [-1, 1]. Half the time of an exponential and a quotient. Errors: 6 (near x = -5, else 3); slope 4.
template <> struct Gelu<float> : Plain<float> {
    using Plain<float>::Plain;
    using V = Vec<float>;
    static constexpr float phi_end = 5.5f, slope_end = 5.9f;
    static constexpr float phi[] = {
        0.12855193682505501f, -0.064172454460803179f, 0.047736945601294345f, -0.038788003386924332f,
        0.032082850108646515f, -0.026105121290996195f, 0.020278418765108326f, -0.014702173324000345f,
        0.010505721713097618f, -0.0076128767772783373f, 0.0041653859236545065f, -0.0012880934114962911f,
        0.0010892232860435957f, -0.0013476363641876037f, 0.00051497064936789276f};
    static constexpr float rise[] = {
        0.11991128911160142f, -0.060466194630184617f, 0.047281372658814995f, -0.04417695653545723f,
        0.047260538983632751f, -0.054188338052976854f, 0.06161378899665079f, -0.067579765406718156f,
        0.070298469024013727f, -0.061790042329220452f, 0.04402627709850086f, -0.039678525582163062f,
        0.042596318833562384f, -0.021552786554391111f, -0.0017966452427383153f, -0.0029864018637240234f,
        0.010123614328916594f, -0.0041502467484036583f};
    template <std::size_t N> static THINC_INLINE V odd(V x, float end, const float (&c)[N]) {
        const V z = clamp(x, -end, end);
        return fma(z, polynomial(fma(z * z, V::fill(2 / (end * end)), V::fill(-1)), c), V::fill(0.5f));
    }
    THINC_INLINE V forward(V x) const {
        return select(lt(x, V::fill(-phi_end)), V::fill(0), x * odd(x, phi_end, phi));
    }
    THINC_INLINE V slope(V x) const { return odd(x, slope_end, rise); }
};

// y = x/2 (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3), as x s with s = logistic(2u);
// slope: s + x s (1 - s) 2u'.
template <typename T> struct GeluApprox : Plain<T> {
    using Plain<T>::Plain, Plain<T>::fill;
    static constexpr double linear = 1.5957691216057307117, cubic = linear * 0.044715;
    static constexpr T end = sizeof(T) == 4 ? T(9) : T(20);  // 2u is moderate, s is 0 or 1
    THINC_INLINE Vec<T> forward(Vec<T> x) const {
        const Vec<T> z = clamp(x, -end, end);
        return max(Vec<T>::fill(-end), x) * logistic_moderate(z * fma(z * z, fill(cubic), fill(linear)));
    }
    THINC_INLINE Vec<T> slope(Vec<T> x) const {
        const Vec<T> z = clamp(x, -end, end), z2 = z * z, u = z * fma(z2, fill(cubic), fill(linear));
        const Vec<T> e = exp_moderate(-u), s = fill(1) / (fill(1) + e);
        const Vec<T> du = fma(z2, fill(3 * cubic), fill(linear));
        return fma(z * du, (e * s) * s, s);
    }
};

// y = x tanh(log(1 + exp(x))) where x < threshold, else x; slope 1 where x >= threshold. args: threshold.
// With w = exp(x), n = w (w + 2): y = x n / (n + 2), slope = n / (n + 2) + 4 x w (1 + w) / (n + 2)^2. Misra, 2019.
template <typename T> struct Mish : Plain<T> {
    using Plain<T>::fill;
    using V = Vec<T>;
    // Above it n / (n + 2) rounds to 1; below the lower end w is as good as 0.
    static constexpr T high = T(20), low = -MathConstants<T>::moderate;
    V threshold;
    explicit Mish(const double* args) : Plain<T>(args), threshold(fill(args[0])) {}

    THINC_INLINE V forward(V x) const {
        const V z = max(V::fill(low), x), w = exp_moderate(min(V::fill(high), z)), n = w * (w + fill(2));
        return select(ge(x, threshold), x, z * (n / (n + fill(2))));
    }
    THINC_INLINE V slope(V x) const {
        const V z = clamp(x, low, high), w = exp_moderate(z), n = w * (w + fill(2)), r = fill(1) / (n + fill(2));
        return select(ge(x, threshold), fill(1), r * fma(fill(4) * z * r, fma(w, w, w), n));
    }
};

template <typename F, typename T> constexpr Activation<T> activation() { return {apply<F, T>, apply_slope<F, T>}; }

template <typename T> constexpr Activations<T> activation_kernels() {
    return {
        {apply<Relu<T>, T>, backprop_relu<T>},
        activation<ClippedLinear<T>, T>(),
        activation<Sigmoid<T>, T>(),
        activation<Tanh<T>, T>(),
        activation<HardSwish<T>, T>(),
        activation<HardSwishMobilenet<T>, T>(),
        activation<Dish<T>, T>(),
        activation<Gelu<T>, T>(),
        activation<GeluApprox<T>, T>(),
        activation<Mish<T>, T>(),
        apply<Swish<T>, T>,
        backprop_swish<T>,
        apply<SigmoidSlope<T>, T>,
        apply<TanhSlope<T>, T>,
        apply<SechSquared<T>, T>,
        apply<Erf<T>, T>,
    };
}

}  // namespace thinc::THINC_ISA
