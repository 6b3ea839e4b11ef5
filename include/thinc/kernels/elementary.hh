// The functions of simd/math.hh over arrays, so that tests can measure their errors.
#pragma once
#include "thinc/kernels/activations.hh"

namespace thinc::THINC_ISA {

#define THINC_ELEMENTARY(Name, expression)                                       \
    template <typename T> struct Name : Plain<T> {                               \
        using Plain<T>::Plain;                                                   \
        THINC_INLINE Vec<T> forward(Vec<T> x) const { return expression; }       \
    };
THINC_ELEMENTARY(Exp, exp(x))
THINC_ELEMENTARY(ExpModerate, exp_moderate(x))
THINC_ELEMENTARY(ExpNegative, exp_negative(x))
THINC_ELEMENTARY(Log, log(x))
THINC_ELEMENTARY(Log1p, log1p(x))
THINC_ELEMENTARY(Logistic, logistic(x))
THINC_ELEMENTARY(NormalTail, normal(x).tail)
#undef THINC_ELEMENTARY

template <typename T> constexpr Elementary<T> elementary_kernels() {
    return {
        apply<Exp<T>, T>,   apply<ExpModerate<T>, T>, apply<ExpNegative<T>, T>,
        apply<Log<T>, T>,   apply<Log1p<T>, T>,       apply<Tanh<T>, T>,
        apply<Logistic<T>, T>, apply<Erf<T>, T>,      apply<NormalTail<T>, T>,
    };
}

}  // namespace thinc::THINC_ISA
